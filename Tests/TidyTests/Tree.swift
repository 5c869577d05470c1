import Foundation

/// The files of this package, found upwards from this one.
struct Tree {
    /// Paths from the root, in order. Hidden files and folders are left out, but `.ci` is not.
    let paths: [String]
    private let root: URL

    init(from file: String = #filePath) throws {
        root = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var paths: [String] = []
        for folder in ["Sources", "Tests", "Fuzz", "scripts", "docs", ".ci"] {
            let all = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
            while let below = all?.nextObject() as? String {
                let isHidden = below.split(separator: "/").contains { $0.hasPrefix(".") }
                if !isHidden { paths.append(folder + "/" + below) }
            }
        }
        let top = try FileManager.default.contentsOfDirectory(atPath: root.path)
        paths += top.filter { !$0.hasPrefix(".") }
        let root = root
        self.paths = paths.sorted().filter { path in
            !root.appending(path: path).hasDirectoryPathOnDisk
        }
    }

    /// The file's text; nil where it is no UTF-8.
    func text(_ path: String) throws -> String? {
        String(validating: try Data(contentsOf: root.appending(path: path)), as: UTF8.self)
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    func isExecutable(_ path: String) -> Bool {
        FileManager.default.isExecutableFile(atPath: root.appending(path: path).path)
    }

    /// The files whose path begins and ends so, taken apart as Swift.
    func sources(in folders: [String], endings: [String]) throws -> [(String, SourceText)] {
        try paths.compactMap { path in
            guard folders.contains(where: { path.hasPrefix($0) }),
                endings.contains(where: { path.hasSuffix($0) }), let text = try text(path)
            else { return nil }
            return (path, SourceText(text))
        }
    }
}

extension URL {
    fileprivate var hasDirectoryPathOnDisk: Bool {
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        return exists && isDirectory.boolValue
    }
}
