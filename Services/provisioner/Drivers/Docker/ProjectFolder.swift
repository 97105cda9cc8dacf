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
        try makeFolders()
        try writing {
            () throws(FileFault) in
            for (file, text) in texts {
                // One that names its interpreter is a program (execve(2)).
                try ConfinedFolder(path: project).write(text, to: file, mode: text.hasPrefix("#!") ? 0o755 : 0o644)
            }
        }
    }

    func write(release document: JSONText) throws {
        try makeFolders()
        try writing { () throws(FileFault) in
            try ConfinedFolder(path: path).write(document.text, to: "release.json", mode: 0o600)
        }
    }

    /// Nobody else of this machine is to read what lies here, settings with passwords among it; containers get to it by
    /// their mounts.
    private func makeFolders() throws {
        try writing { () throws(FileFault) in
            var folder = ""
            for name in project.split(separator: "/") {
                folder += "/\(name)"
                guard mkdir(folder, folder == path ? 0o700 : 0o755) == 0 || errno == EEXIST else {
                    throw FileFault(folder)
                }
            }
        }
    }

    /// A disk that is full or cannot be written is a matter for people, and no fault of the program.
    private func writing(_ body: () throws(FileFault) -> Void) throws {
        do {
            try body()
        } catch {
            throw Problem(
                .unavailable, title: "FilesNotWritten",
                detail: "The app's files cannot be written to \(path): "
                    + (error.isFull ? "the disk is full" : "\(error)"),
                remedy: error.isFull
                    ? "Make room there; what runs is left as it is" : "Let the provisioner write there")
        }
    }

    /// Removes what was written here, and the folders that are empty then. What the app's containers keep here stays.
    func removeWritten(_ files: Set<String>) {
        ConfinedFolder(path: project).remove(files.union(["compose.yaml"]))
        ConfinedFolder(path: path).remove(["release.json"])
        rmdir(project)
        rmdir(path)
    }

    /// Whether a file says a text; what is no file, or leads elsewhere, does not.
    func holds(_ text: String, in file: String) -> Bool { ConfinedFolder(path: project).holds(text, in: file) }

    /// Removes files that a former release had beside its Compose file.
    func removeOutdated(_ files: some Sequence<String>) {
        ConfinedFolder(path: project).remove(files)
    }

    func remove() throws {
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
    }
}
