import Glibc
import NIOPosix

/// Why a file could not be used.
struct FileError: Error, CustomStringConvertible {
    let path: String
    let action: String
    let code: Int32

    var description: String { "\(action) \(path): \(String(cString: strerror(code)))" }
}

/// The few calls on files that need more than a library gives: durable writes, links, patterns. They block.
enum Files {
    /// Runs work that blocks away from the cooperative pool.
    static func offPool<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(work)
    }

    static func read(_ path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileError(path: path, action: "open", code: errno) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(file, &part, part.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path: path, action: "read", code: errno) }
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
    }

    /// Writes a whole file, which the resolver's user may read.
    static func write(_ bytes: [UInt8], to path: String, isDurable: Bool) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw FileError(path: path, action: "open", code: errno) }
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path: path, action: "write", code: errno) }
            written += count
        }
        if isDurable {
            guard fsync(file) == 0 else { throw FileError(path: path, action: "fsync", code: errno) }
        }
    }

    /// Gives a file a second name; does nothing when the file does not exist.
    static func link(_ path: String, as other: String) throws {
        guard unlink(other) == 0 || errno == ENOENT else { throw FileError(path: other, action: "unlink", code: errno) }
        guard Glibc.link(path, other) == 0 || errno == ENOENT else {
            throw FileError(path: other, action: "link", code: errno)
        }
    }

    /// Renames, and makes that last over a power cut.
    static func rename(_ path: String, to other: String) throws {
        guard Glibc.rename(path, other) == 0 else { throw FileError(path: other, action: "rename", code: errno) }
        let folder = other.lastIndex(of: "/").map { String(other[..<$0]) } ?? "."
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw FileError(path: folder, action: "open", code: errno) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw FileError(path: folder, action: "fsync", code: errno) }
    }

    /// The files that a shell pattern matches; the pattern itself where it has no wildcard.
    static func matching(_ pattern: String) -> [String] {
        guard pattern.contains(where: { "*?[{~".contains($0) }) else { return [pattern] }
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, GLOB_BRACE | GLOB_TILDE, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in found.gl_pathv[index].map { String(cString: $0) } }
    }

    /// Whether two paths lead to one file.
    static func isSame(_ left: String, _ right: String) -> Bool {
        if left == right { return true }
        var (first, second) = (stat(), stat())
        guard stat(left, &first) == 0, stat(right, &second) == 0 else { return false }
        return first.st_ino == second.st_ino && first.st_dev == second.st_dev
    }
}

/// What changes whenever a file is replaced or written.
struct FileVersion: Sendable, Hashable {
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int
    private let nanoseconds: Int

    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
