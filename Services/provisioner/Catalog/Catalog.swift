import Dispatch
import FoundationEssentials
import LabCore
import LabService
import LabState

/// The apps that come ready: a folder each, with a Compose file and what it needs beside it.
struct Catalog: Sendable {
    /// An app as it is offered.
    struct Entry: Sendable {
        let name: AppName
        let compose: String
        /// What lies beside the Compose file, by its path.
        let files: [String: String]
        let block: LabBlock
    }

    /// nil where none is set up.
    let directory: String?

    /// From `LAB_CATALOG_DIR`.
    init(_ settings: LabSettings) {
        directory = settings["LAB_CATALOG_DIR"]
    }

    /// All of it, by name. A folder that holds no app is passed over.
    func entries() async -> [Entry] {
        await offPool { names().compactMap { entry($0) } }
    }

    /// - Throws: a problem when there is no such app, with the nearest one that is there.
    func entry(of name: AppName) async throws -> Entry {
        let (found, names): (Entry?, [AppName]) = await offPool { (entry(name), self.names()) }
        if let found { return found }
        guard directory != nil, !names.isEmpty else {
            throw Problem.notFound(
                "App \(name) of the catalog", remedy: "There is no catalog: set LAB_CATALOG_DIR to its folder")
        }
        let near = SpellingDistance.nearest(to: name.text, among: names.map(\.text)).map { "Did you mean “\($0)”?" }
        throw Problem.notFound("App \(name) of the catalog", remedy: near ?? "See what there is: lab catalog")
    }

    private func names() -> [AppName] {
        guard let directory else { return [] }
        let folders = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return folders.compactMap { try? AppName($0) }.sorted { $0.text < $1.text }
    }

    private func entry(_ name: AppName) -> Entry? {
        guard let directory else { return nil }
        let folder = "\(directory)/\(name)"
        guard let compose = Self.text("\(folder)/compose.yaml"),
            let block = try? LabBlock(LabBlock.value(in: compose))
        else { return nil }
        var files: [String: String] = [:]
        for path in (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? [] where path != "compose.yaml" {
            if let text = Self.text("\(folder)/\(path)") { files[path] = text }
        }
        return Entry(name: name, compose: compose, files: files, block: block)
    }

    private static func text(_ path: String) -> String? {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder else { return nil }
        return FileManager.default.contents(atPath: path).flatMap { String(validating: $0, as: UTF8.self) }
    }

    private func offPool<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: work()) }
        }
    }
}
