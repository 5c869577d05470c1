import EventSourcing
import Foundation
import Glibc

/// A JSON value from a file that the command line names.
enum JSONInput {
    /// A file may be larger than any gateway takes; more than this is not read.
    private static let maximumFile = 64 << 20

    /// - Parameters:
    ///   - file: its path; `-` is standard input.
    ///   - option: which named it.
    /// - Throws: `CommandFailure` with the reason.
    static func read(_ file: String, option: String) throws -> JSON {
        let name = file == "-" ? "standard input" : file
        let bytes = try bytes(file, name, option)
        do throws(JSONError) { return try JSON(parsing: bytes) } catch {
            throw CommandFailure("\(name): the JSON \(error.reason)")
        }
    }

    private static func bytes(_ file: String, _ name: String, _ option: String) throws -> [UInt8] {
        let handle = file == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: file)
        guard let handle else {
            throw CommandFailure(
                "cannot read \(name): \(String(cString: strerror(errno))); see \(option)")
        }
        do {
            let data = try handle.read(upToCount: maximumFile + 1) ?? Data()
            guard data.count <= maximumFile else {
                throw CommandFailure("\(name) is larger than \(maximumFile) bytes")
            }
            return Array(data)
        } catch let error as CommandFailure {
            throw error
        } catch { throw CommandFailure("cannot read \(name): \(error.localizedDescription)") }
    }
}
