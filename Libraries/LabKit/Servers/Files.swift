import Glibc
import SystemPackage

/// The few file operations that the servers' state needs, with mode and owner set before a byte is written.
enum Files {
    static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// Makes a directory with its parents (those with mode 0755), and sets its mode and owner.
    static func makeDirectory(_ path: String, mode: mode_t = 0o700, owner: ServiceAccount? = nil) throws(ServerError) {
        var parent = ""
        for component in path.split(separator: "/") {
            parent += "/\(component)"
            guard mkdir(parent, parent == path ? mode : 0o755) == 0 || errno == EEXIST else {
                throw failure(path, "make the directory")
            }
        }
        guard chmod(path, mode) == 0 else { throw failure(path, "set the mode of") }
        if let owner { try give(path, to: owner) }
    }

    /// Replaces a file at once: readers see the old or the new text, never a part.
    static func write(
        _ text: String, to path: String, mode: mode_t = 0o600, owner: ServiceAccount? = nil
    ) throws(ServerError) {
        let draft = "\(path).new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(path, "write") }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                let error = failure(path, "write")
                close(descriptor)
                throw error
            }
            bytes = bytes.dropFirst(count)
        }
        close(descriptor)
        if let owner { try give(draft, to: owner) }
        guard rename(draft, path) == 0 else { throw failure(path, "replace") }
    }

    /// A small file's text; nil when it cannot be read. Made for /proc, whose files have no size.
    static func read(_ path: String, limit: Int = 65_536) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < limit {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The names in a directory; none when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let item = readdir(directory) {
            names.append(
                withUnsafePointer(to: &item.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }

    static func remove(_ path: String) {
        unlink(path)
    }

    /// The target of a symbolic link, such as /proc/<pid>/cwd.
    static func linkTarget(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    /// `path` with symbolic links resolved; itself when it does not exist.
    static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(validatingCString: real) ?? path
    }

    static func failure(_ path: String, _ action: String) -> ServerError {
        .fileFailed(path: path, action: action, detail: Errno(rawValue: errno).description)
    }

    private static func give(_ path: String, to owner: ServiceAccount) throws(ServerError) {
        guard chown(path, owner.userID, owner.groupID) == 0 else { throw failure(path, "change the owner of") }
    }
}
