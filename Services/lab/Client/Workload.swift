import ArgumentParser
import FoundationEssentials
import LabKit

/// What there is to run, as `deploy` and `plan` are given it.
struct WorkloadArguments: ParsableArguments {
    @Argument(
        help: """
            An app of the catalog, a folder with a Compose file, such a file, a Git URL, or -; with --upstream the \
            app's name.
            """,
        completion: .directory)
    var app: String

    @Option(help: "Where the app answers, such as http://127.0.0.1:9999.")
    var upstream: String?

    @Option(help: "The app's name, where the folder's is not to be it.")
    var name: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A variable of the Compose file; may be given several times.", valueName: "NAME=value"))
    var variables: [String] = []

    @Option(
        help: ArgumentHelp(
            "What a Compose file may do that its x-lab block does not allow: privileged, host-network, host-paths.",
            valueName: "what"))
    var allow: [String] = []

    /// Reads it from wherever it is.
    func workload(_ client: LabClient) async throws -> Workload {
        if let upstream { return Workload(name: name ?? app, fields: ["upstream": .string(upstream)]) }
        var (folder, commit) = try await folder(client)
        folder.files[".env"] = try VariableFile(folder.files[".env"]).setting(variables)
        for reason in folder.leftOut { Terminal.standardError.line("  left out: \(reason)") }
        var fields: [String: JSONValue] = ["runtime": "docker", "compose": .string(folder.compose)]
        if !allow.isEmpty { fields["allow"] = .array(allow.map { .string($0) }) }
        if !folder.files.isEmpty { fields["files"] = .object(folder.files.mapValues { .string($0) }) }
        return Workload(name: name ?? folder.name, fields: fields, commit: commit)
    }

    private func folder(_ client: LabClient) async throws -> (AppFolder, commit: String?) {
        if app == "-" {
            guard let name else {
                throw CommandFault(
                    "an app from standard input has no name", remedy: "Give one with --name", status: 64)
            }
            return (AppFolder(name: name, compose: String(decoding: try StandardInput.read(), as: UTF8.self)), nil)
        }
        if let source = try GitSource(app) {
            return try await GitCheckout.with(source) { (try AppFolder($0.path), $0.commit) }
        }
        // A word that is no file is meant as an app of the catalog.
        if !app.contains("/"), !app.contains("."), !FileManager.default.fileExists(atPath: app) {
            let ready = try await CatalogApp(named: app, of: client)
            return (AppFolder(name: app, compose: ready.compose, files: ready.files), nil)
        }
        return (try AppFolder(app), nil)
    }
}

/// An app's name, and what there is to run.
struct Workload: Sendable {
    let name: String
    /// The fields of the declaration.
    let fields: [String: JSONValue]
    /// Of a Git repository the commit in a line.
    var commit: String?
}
