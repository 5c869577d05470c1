import Glibc

/// Where the broker's files lie. A simulation has some of the calls on it fail.
package struct BrokerDisk: Sendable {
    package enum Call: String, CaseIterable, Sendable {
        case list, create, open, look, lock, read, write, truncate, remove

        /// What is said where the system refuses it.
        var failure: String {
            switch self {
            case .look: "cannot stat"
            case .write: "cannot write to"
            default: "cannot \(rawValue)"
            }
        }
    }

    /// Asked before each call; what it returns is the error, from `errno`, that the call ends with,
    /// and nothing is done. Nil has the system decide. Called from any thread.
    private let refusal: @Sendable (Call) -> Int32?
    /// The most bytes that one write takes; what is left is written by the next.
    let mostWritten: Int

    /// - Parameter mostWritten: at least 1.
    package init(mostWritten: Int = .max, refusal: @escaping @Sendable (Call) -> Int32?) {
        (self.refusal, self.mostWritten) = (refusal, max(mostWritten, 1))
    }

    /// As the system has it.
    package static let real = BrokerDisk { _ in nil }

    func ask(_ call: Call, of path: String) throws(FileError) {
        guard let code = refusal(call) else { return }
        throw FileError(operation: call.failure, path: path, code: code)
    }

    func open(_ path: String, flags: Int32) throws(FileError) -> BrokerFile {
        try BrokerFile(path, flags: flags, on: self)
    }

    /// Creates the folder unless it is there; its parent must be.
    func createFolder(_ path: String) throws(FileError) {
        try ask(.create, of: path)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw FileError(operation: Call.create.failure, path: path, code: errno)
        }
    }

    /// The names in a folder in order, without those that begin with a dot; empty when there is no
    /// such folder.
    func names(in folder: String) throws(FileError) -> [String] {
        try ask(.list, of: folder)
        guard let directory = opendir(folder) else {
            guard errno == ENOENT else {
                throw FileError(operation: Call.list.failure, path: folder, code: errno)
            }
            return []
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// Gives a folder a name that begins with a dot, at once, so that nobody sees half of it, and
    /// removes it then.
    func retire(_ path: String, in parent: String, named name: String) throws(FileError) {
        let hidden = "\(parent)/.\(name).gone"
        try removeFolder(hidden)
        try ask(.remove, of: path)
        guard rename(path, hidden) == 0 || errno == ENOENT else {
            throw FileError(operation: Call.remove.failure, path: path, code: errno)
        }
        // What is left of it goes with the next one of that name.
        try? removeFolder(hidden)
    }

    /// Removes a folder with all that is in it and in the folders in it.
    func removeFolder(_ path: String) throws(FileError) {
        for name in try names(in: path) {
            var status = stat()
            let inner = "\(path)/\(name)"
            if lstat(inner, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                try removeFolder(inner)
            } else {
                try remove(inner)
            }
        }
        try ask(.remove, of: path)
        guard rmdir(path) == 0 || errno == ENOENT else {
            throw FileError(operation: Call.remove.failure, path: path, code: errno)
        }
    }

    /// Removes a file; one that is not there is removed already.
    func remove(_ path: String) throws(FileError) {
        try ask(.remove, of: path)
        guard unlink(path) == 0 || errno == ENOENT else {
            throw FileError(operation: Call.remove.failure, path: path, code: errno)
        }
    }
}
