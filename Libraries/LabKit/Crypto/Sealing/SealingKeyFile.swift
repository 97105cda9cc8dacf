import FoundationEssentials
import Glibc
import LabCore

/// The file that holds the sealing keys: one key a line in URL-safe base64, the newest first; lines with `#` are
/// comments. Only its owner may read it.
///
/// Without this file sealed secrets are lost: it belongs into a backup that lies apart from the database's.
public struct SealingKeyFile: Sendable {
    private static let sizeLimit = 64 * 1024

    public let path: String

    public init(path: String) {
        self.path = path
    }

    /// The keys of the file.
    ///
    /// - Throws: ``CryptoError/keyFile(path:detail:remedy:)``, also where group or others may read the file.
    public func load() throws(CryptoError) -> SealingKeyRing {
        guard let ring = try read() else {
            throw fault("it does not exist", remedy: "Restore it from a backup")
        }
        return ring
    }

    /// The keys of the file, which is made with one new key if there is none. Of several programs that do so at once
    /// one makes the file and all use it.
    public func loadOrCreate() throws(CryptoError) -> SealingKeyRing {
        if let ring = try read() { return ring }
        try write(SealingKeyRing(newest: .generate()), replacing: false)
        return try load()
    }

    /// Puts a new key in front; the older ones still open what they have sealed.
    public func rotate() throws(CryptoError) -> SealingKeyRing {
        let ring = SealingKeyRing(newest: .generate(), older: try load().keys)
        try write(ring, replacing: true)
        return ring
    }

    /// Keeps the newest key only. Call it once nothing is sealed with an older one any more.
    public func forgetOlderKeys() throws(CryptoError) -> SealingKeyRing {
        let ring = SealingKeyRing(newest: try load().newest)
        try write(ring, replacing: true)
        return ring
    }

    /// The keys, or nil when there is no file.
    private func read() throws(CryptoError) -> SealingKeyRing? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw systemFault("it cannot be read", remedy: "Run the program as the file's owner")
        }
        defer { close(descriptor) }
        // The open file is looked at, not the path: what was checked is what is read.
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw systemFault("it cannot be looked at", remedy: "Check the file system")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw fault("it is not a regular file", remedy: "Name another path")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw fault(
                "its mode \(String(status.st_mode & 0o777, radix: 8)) lets others use it",
                remedy: "Run “chmod 600 \(path)”, and rotate the key if others may have read it")
        }
        guard status.st_size <= Self.sizeLimit else {
            throw fault("it is larger than 64 KiB", remedy: "Name the right file")
        }
        var bytes = [UInt8](repeating: 0, count: Self.sizeLimit)
        defer { bytes.cleanse() }
        var length = 0
        while length < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: length), buffer.count - length)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw systemFault("it cannot be read", remedy: "Check the file system") }
            if count == 0 { break }
            length += count
        }
        return try parse(String(decoding: bytes.prefix(length), as: UTF8.self))
    }

    private func parse(_ text: String) throws(CryptoError) -> SealingKeyRing {
        var keys: [SealingKey] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.trimmingPrefix { $0.isWhitespace }
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard let bytes = Base64.decode(String(line)), bytes.count == SealingKey.byteCount else {
                throw fault("line \(index + 1) is not a key", remedy: "Restore the file from a backup")
            }
            keys.append(try SealingKey(Secret(bytes)))
        }
        guard let newest = keys.first else { throw fault("it holds no key", remedy: "Restore it from a backup") }
        return SealingKeyRing(newest: newest, older: Array(keys.dropFirst()))
    }

    /// Writes a file beside the path and moves it there, so that no reader and no power cut meets half a file.
    private func write(_ ring: SealingKeyRing, replacing: Bool) throws(CryptoError) {
        var content = Array("# Keys that seal secrets, newest first. Keep a backup apart from the database's.\n".utf8)
        defer { content.cleanse() }
        for key in ring.keys {
            content += Base64.encode(key.bytes.reveal()).utf8
            content.append(UInt8(ascii: "\n"))
        }
        let draft = "\(path).\(Hex.encode(RandomBytes.make(8)))"
        let descriptor = Glibc.open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw systemFault("its folder cannot be written to", remedy: "Make the folder, or give this user the right")
        }
        defer { unlink(draft) }
        let complete = Self.writeAll(content, to: descriptor) && fsync(descriptor) == 0
        let closed = close(descriptor) == 0
        guard complete, closed else { throw systemFault("it cannot be written", remedy: "Make room on the disk") }
        // `link` refuses to replace a file that another program has just made, `rename` replaces in one step.
        let moved = replacing ? rename(draft, path) : link(draft, path)
        guard moved == 0 || (!replacing && errno == EEXIST) else {
            throw systemFault("it cannot be put in place", remedy: "Check the folder's file system")
        }
        try syncFolder()
    }

    /// Makes the new name survive a power cut.
    private func syncFolder() throws(CryptoError) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFault("its folder cannot be opened", remedy: "Check its rights") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw systemFault("it cannot be kept safe", remedy: "Check the disk") }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                written += count
            }
            return true
        }
    }

    private func fault(_ detail: String, remedy: String) -> CryptoError {
        .keyFile(path: path, detail: detail, remedy: remedy)
    }

    private func systemFault(_ detail: String, remedy: String) -> CryptoError {
        fault("\(detail): \(String(cString: strerror(errno)))", remedy: remedy)
    }
}
