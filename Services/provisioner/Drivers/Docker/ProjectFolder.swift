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
    /// - Throws: a problem with the file's path.
    func write(_ files: [String: String], compose: String?) throws {
        try FileManager.default.createDirectory(atPath: project, withIntermediateDirectories: true)
        if let compose { try Data(compose.utf8).write(to: URL(filePath: project + "/compose.yaml")) }
        for (name, text) in files {
            let file: ProjectFilePath
            do {
                file = try ProjectFilePath(name)
            } catch {
                throw error.problem(at: "/body/files")
            }
            let url = URL(filePath: "\(project)/\(file.text)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
    }

    func write(release document: JSONText) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try Data(document.text.utf8).write(to: URL(filePath: releaseFile))
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
