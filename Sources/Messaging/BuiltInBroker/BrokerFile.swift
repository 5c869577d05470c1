import Glibc

/// A call on a file that the system refused.
struct FileError: Error {
    let operation: String
    let path: String
    let code: Int32

    var unavailable: BrokerError {
        .unavailable("\(operation) \(path): \(String(cString: strerror(code)))")
    }
}

/// An open file; closed when nobody holds it any more, so that a reader may finish a segment that
/// is already unlinked.
final class BrokerFile: Sendable {
    let path: String
    private let descriptor: Int32

    /// - Throws: what open(2) refuses.
    init(_ path: String, flags: Int32) throws(FileError) {
        self.path = path
        descriptor = open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw FileError(operation: "cannot open", path: path, code: errno)
        }
    }

    deinit { _ = close(descriptor) }

    func size() throws(FileError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failed("cannot stat") }
        return Int(status.st_size)
    }

    /// Writes all of `bytes`; after an error any prefix of them may be there.
    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes { buffer in
                pwrite(
                    descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done,
                    off_t(offset + done))
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failed("cannot write to") }
            done += written
        }
    }

    /// `kept` and then what the file holds from `offset`, up to `count` bytes; fewer at the end of
    /// the file.
    func read(
        after kept: ArraySlice<UInt8> = [], at offset: Int, count: Int
    ) throws(FileError)
        -> [UInt8]
    {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: kept.count + count) { buffer, filled in
            _ = buffer.initialize(from: kept)
            filled = kept.count
            while filled < buffer.count, filled < kept.count + count {
                let got = pread(
                    descriptor, buffer.baseAddress?.advanced(by: filled),
                    kept.count + count - filled, off_t(offset + filled - kept.count))
                if got < 0, errno == EINTR { continue }
                if got < 0 { code = errno }
                guard got > 0 else { break }
                filled += got
            }
        }
        guard code == 0 else {
            throw FileError(operation: "cannot read", path: path, code: code)
        }
        return bytes
    }

    func truncate(to size: Int) throws(FileError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw failed("cannot truncate") }
    }

    /// Takes the file's exclusive lock; false when another open file has it.
    func lock() throws(FileError) -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw failed("cannot lock") }
        return false
    }

    /// Gives up the lock. To close the file is not enough: a process that is just being started
    /// holds it as well until it runs its program.
    func unlock() { flock(descriptor, LOCK_UN) }

    private func failed(_ operation: String) -> FileError {
        FileError(operation: operation, path: path, code: errno)
    }
}

/// Folders.
extension BrokerFile {
    /// Creates the folder unless it is there; its parent must be.
    static func createFolder(_ path: String) throws(FileError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw FileError(operation: "cannot create", path: path, code: errno)
        }
    }

    /// The names in a folder in order, without those that begin with a dot; empty when there is no
    /// such folder.
    static func names(in folder: String) throws(FileError) -> [String] {
        guard let directory = opendir(folder) else {
            guard errno == ENOENT else {
                throw FileError(operation: "cannot list", path: folder, code: errno)
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

    /// Removes a file; one that is not there is removed already.
    static func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw FileError(operation: "cannot remove", path: path, code: errno)
        }
    }
}
