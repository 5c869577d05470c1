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
    private let disk: BrokerDisk
    private let descriptor: Int32

    /// - Throws: what open(2) refuses.
    init(_ path: String, flags: Int32, on disk: BrokerDisk) throws(FileError) {
        self.path = path
        self.disk = disk
        try disk.ask(.open, of: path)
        descriptor = open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw FileError(operation: BrokerDisk.Call.open.failure, path: path, code: errno)
        }
    }

    deinit { _ = close(descriptor) }

    func size() throws(FileError) -> Int {
        try disk.ask(.look, of: path)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failed(.look) }
        return Int(status.st_size)
    }

    /// Writes all of `bytes`; after an error any prefix of them may be there.
    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            try disk.ask(.write, of: path)
            let written = bytes.withUnsafeBytes { buffer in
                pwrite(
                    descriptor, buffer.baseAddress?.advanced(by: done),
                    min(buffer.count - done, disk.mostWritten), off_t(offset + done))
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failed(.write) }
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
        try disk.ask(.read, of: path)
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
            throw FileError(operation: BrokerDisk.Call.read.failure, path: path, code: code)
        }
        return bytes
    }

    func truncate(to size: Int) throws(FileError) {
        try disk.ask(.truncate, of: path)
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw failed(.truncate) }
    }

    /// Takes the file's exclusive lock; false when another open file has it.
    func lock() throws(FileError) -> Bool {
        try disk.ask(.lock, of: path)
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw failed(.lock) }
        return false
    }

    /// Gives up the lock. To close the file is not enough: a process that is just being started
    /// holds it as well until it runs its program.
    func unlock() { flock(descriptor, LOCK_UN) }

    private func failed(_ call: BrokerDisk.Call) -> FileError {
        FileError(operation: call.failure, path: path, code: errno)
    }
}
