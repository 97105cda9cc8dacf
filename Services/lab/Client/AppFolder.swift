import FoundationEssentials
import Glibc
import LabKit

/// A folder with a Compose file, as `lab deploy ./folder` sends it: the file, and the texts beside it.
struct AppFolder: Sendable {
    let name: String
    let compose: String
    var files: [String: String]
    /// Files that are not sent, each with the reason.
    let leftOut: [String]

    /// The names that Compose itself looks for, in its order.
    private static let composeNames = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"]
    private static let largestFile = 131_072
    private static let largestSum = 655_360
    private static let mostFiles = 200

    /// - Parameter path: a folder, or a Compose file in one.
    init(_ path: String) throws {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw CommandFault(
                "there is no folder \(path)",
                remedy: "Give a folder with a Compose file, or --upstream for a server that runs already")
        }
        let folder = isFolder ? path : Self.folder(of: path)
        let file =
            isFolder
            ? Self.composeNames.first { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
            : Self.last(of: path)
        guard let file else {
            throw CommandFault(
                "\(path) has no Compose file",
                remedy: "Put a compose.yaml there, or give --upstream for a server that runs already")
        }
        compose = try Self.text(of: "\(folder)/\(file)")
        name = Self.last(of: try Self.absolute(folder)).lowercased()
        // A file that was named is meant alone: what lies beside it may be anything.
        (files, leftOut) = isFolder ? try Self.beside(file, in: folder) : ([:], [])
    }

    /// A Compose file that came without a folder of this machine.
    init(name: String, compose: String, files: [String: String] = [:]) {
        self.name = name
        self.compose = compose
        self.files = files
        leftOut = []
    }

    private static func beside(_ compose: String, in folder: String) throws -> (
        files: [String: String], leftOut: [String]
    ) {
        var files: [String: String] = [:]
        var leftOut: [String] = []
        var sum = 0
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder)
        guard paths.count <= mostFiles * 4 else { throw tooMuch(folder) }
        for path in paths.sorted() where path != compose {
            let segments = path.split(separator: "/")
            guard !segments.contains(".git"), segments.count <= 8 else { continue }
            let whole = "\(folder)/\(path)"
            var facts = stat()
            guard stat(whole, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { continue }
            let size = Int(facts.st_size)
            guard size <= largestFile else {
                leftOut.append("\(path) is larger than 128 KiB")
                continue
            }
            guard sum + size <= largestSum, files.count < mostFiles else { throw tooMuch(folder) }
            guard let data = FileManager.default.contents(atPath: whole),
                let text = String(validating: data, as: UTF8.self)
            else {
                leftOut.append("\(path) is not text")
                continue
            }
            sum += size
            files[path] = text
        }
        return (files, leftOut)
    }

    private static func tooMuch(_ folder: String) -> CommandFault {
        CommandFault(
            "\(folder) holds more than \(mostFiles) files, or more than 640 KiB of them, which is no app's folder",
            remedy: "Put the Compose file in a folder with what belongs to it alone, or name the file itself")
    }

    private static func text(of path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path), let text = String(validating: data, as: UTF8.self)
        else { throw CommandFault("\(path) cannot be read as text") }
        return text
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    private static func last(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func absolute(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else { throw CommandFault("\(path) cannot be found") }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
