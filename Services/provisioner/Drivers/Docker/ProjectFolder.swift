import FoundationEssentials
import Glibc
import LabCore
import LabState

/// The folder of an app: what was declared beside its Compose file, what its containers keep there, and the files that
/// Compose is told of.
struct ProjectFolder: Sendable {
    let path: String

    /// What relative paths of the Compose file begin at.
    var project: String { path + "/project" }
    /// The file that Compose is given.
    var releaseFile: String { path + "/release.json" }

    /// Writes the files beside the Compose file, and none outside of the folder. It blocks.
    ///
    /// - Throws: a problem with the file's path, or of the title `FilesNotWritten`.
    func write(_ files: [String: String], compose: String?) throws {
        var texts: [(path: String, text: String)] = compose.map { [("compose.yaml", $0)] } ?? []
        for (name, text) in files {
            do {
                texts.append((try ProjectFilePath(name).text, text))
            } catch {
                throw error.problem(at: "/body/files")
            }
        }
        try writing {
            try FileManager.default.createDirectory(atPath: project, withIntermediateDirectories: true)
            for (file, text) in texts {
                let url = URL(filePath: "\(project)/\(file)")
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Self.write(text, to: url)
            }
        }
    }

    /// Writes a text where it is not there already: a container that has it mounted sees it empty for a moment. One that
    /// names its interpreter is a program (execve(2)).
    private static func write(_ text: String, to url: URL) throws {
        let data = Data(text.utf8)
        if FileManager.default.contents(atPath: url.path) != data { try data.write(to: url) }
        if text.hasPrefix("#!") { chmod(url.path, 0o755) }
    }

    func write(release document: JSONText) throws {
        try writing {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try Self.write(document.text, to: URL(filePath: releaseFile))
        }
    }

    /// A disk that is full or cannot be written is a matter for people, and no fault of the program.
    private func writing(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as CocoaError {
            let isFull = error.code == .fileWriteOutOfSpace
            throw Problem(
                .unavailable, title: "FilesNotWritten",
                detail: "The app's files cannot be written to \(path): "
                    + (isFull ? "the disk is full" : "\(error)"),
                remedy: isFull ? "Make room there; what runs is left as it is" : "Let the provisioner write there")
        }
    }

    /// Removes what was written here, and the folders that are empty then. What the app's containers keep here stays.
    func removeWritten(_ files: Set<String>) throws {
        for file in files.map({ "\(project)/\($0)" }) + [project + "/compose.yaml", releaseFile] { unlink(file) }
        let folders = Set(
            files.flatMap { file in
                let segments = file.split(separator: "/").dropLast()
                return segments.indices.map { segments[...$0].joined(separator: "/") }
            })
        for folder in folders.sorted(by: { $0.utf8.count > $1.utf8.count }) { rmdir("\(project)/\(folder)") }
        rmdir(project)
        rmdir(path)
    }

    func remove() throws {
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
    }
}
