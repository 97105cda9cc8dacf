import FoundationEssentials
import Glibc
import LabKit
import SystemPackage

/// The secrets of an embedded lab: a file each, made once, readable by its owner only.
struct SecretFiles: Sendable {
    private let directory: String

    init(_ directory: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// The secret of a name, made now if there is none yet.
    func secret(_ name: String) throws -> Secret<String> {
        try Self.secret(at: directory + "/" + name)
    }

    /// The secret in a file, made now if there is none yet.
    static func secret(at path: String) throws -> Secret<String> {
        if let data = FileManager.default.contents(atPath: path) {
            let text = String(decoding: data, as: UTF8.self).trimmed
            guard !text.isEmpty else {
                throw CommandFault("the secret in \(path) is empty", remedy: "Remove the file, so that it is made anew")
            }
            return Secret(text)
        }
        let secret = RandomToken.make()
        try PrivateFile.write(secret.reveal() + "\n", to: path)
        return secret
    }
}

/// A file that only its owner can read, written whole or not at all.
enum PrivateFile {
    static func write(_ text: String, to path: String) throws {
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFault("\(temporary) cannot be written: \(String(cString: strerror(errno)))")
        }
        do {
            let file = FileDescriptor(rawValue: descriptor)
            try file.closeAfter {
                try file.writeAll(text.utf8)
                guard fsync(descriptor) == 0 else { throw Errno(rawValue: errno) }
            }
        } catch {
            throw CommandFault("\(temporary) cannot be written: \(error)")
        }
        guard rename(temporary, path) == 0 else {
            throw CommandFault("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}
