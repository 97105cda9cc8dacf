import Dispatch
import Glibc

/// The few file operations of the drivers, with the mode set before a byte is written.
enum Disk {
    /// Runs file work away from the cooperative pool.
    static func away<Result: Sendable>(
        _ work: @escaping @Sendable () throws(ProxyError) -> Result
    ) async throws(ProxyError) -> Result {
        let result: Swift.Result<Result, ProxyError> = await withCheckedContinuation { continuation in
            DispatchQueue.global(qos: .userInitiated).async {
                do throws(ProxyError) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    /// - Parameter owner: the user that it is given to; nil keeps this one.
    static func makeFolder(_ path: String, mode: mode_t, owner: String? = nil) throws(ProxyError) {
        var parent = ""
        for component in path.split(separator: "/") {
            parent += "/\(component)"
            guard mkdir(parent, parent == path ? mode : 0o755) == 0 || errno == EEXIST else {
                throw failure(path, "make the folder")
            }
        }
        if let owner { try give(path, to: owner) }
    }

    /// Replaces a file in one step: a reader sees the old or the new text, never a part.
    ///
    /// - Parameter isDurable: whether the text must survive a power cut from now on.
    static func replace(
        _ path: String, with text: String, mode: mode_t, owner: String? = nil, isDurable: Bool = false
    ) throws(ProxyError) {
        // A name of its own, since several processes may write the same file.
        let draft = "\(path).\(String(UInt32.random(in: 0...UInt32.max), radix: 16))\(draftSuffix)"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(path, "write") }
        // Nothing is left to remove once it was renamed.
        defer { unlink(draft) }
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                written += count
            }
            return !isDurable || fsync(descriptor) == 0
        }
        let fault = isWritten ? nil : failure(path, "write")
        close(descriptor)
        if let fault { throw fault }
        if let owner { try give(draft, to: owner) }
        guard rename(draft, path) == 0 else { throw failure(path, "replace") }
    }

    /// What ends the name of a file that is being written.
    static let draftSuffix = ".tmp"

    /// Points a symbolic link elsewhere, in one step.
    static func link(_ path: String, to target: String) throws(ProxyError) {
        let draft = "\(path).tmp"
        unlink(draft)
        guard symlink(target, draft) == 0 else { throw failure(path, "write the link") }
        guard rename(draft, path) == 0 else { throw failure(path, "replace the link") }
    }

    /// A file's text; nil when it cannot be read.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    /// The names in a folder; none when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let item = readdir(folder) {
            let name = withUnsafePointer(to: &item.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The names of what is in a folder and not empty.
    static func namesOfFilled(in path: String) -> [String] {
        names(in: path).filter { name in
            var status = stat()
            return stat("\(path)/\(name)", &status) == 0 && status.st_size > 0
        }
    }

    static func linkTarget(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }

    private static func give(_ path: String, to owner: String) throws(ProxyError) {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(owner, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
            throw .fileFailed(path: path, action: "find the owner of", detail: "there is no user “\(owner)”")
        }
        guard chown(path, entry.pw_uid, entry.pw_gid) == 0 else { throw failure(path, "change the owner of") }
    }

    private static func failure(_ path: String, _ action: String) -> ProxyError {
        .fileFailed(path: path, action: action, detail: String(cString: strerror(errno)))
    }
}
