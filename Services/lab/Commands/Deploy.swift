import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab deploy notes --upstream http://127.0.0.1:9999`, `lab deploy ./my-app`
struct Deploy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put an app online: name, certificate, route, docs page.",
        discussion: """
            Either a server that runs already (lab deploy notes --upstream http://127.0.0.1:9999), or a folder with a \
            Compose file (lab deploy ./my-app) or an app of the catalog (lab deploy jellyfin), which the lab runs on its \
            Docker engine. “-” reads a Compose file from standard input. A Git repository is fetched first (lab deploy \
            https://host/my-app.git#branch:folder).
            """)

    @OptionGroup var given: WorkloadArguments

    @Option(
        name: [.customShort("m"), .long],
        help: ArgumentHelp("Why, in one line; its release says it.", valueName: "text"))
    var message: String?

    @Option(help: "Another host name than <name>.<domain>.")
    var host: String?

    @Option(help: "What people call it.")
    var title: String?

    @Option(help: "One sentence for its page.")
    var summary: String?

    @Option(help: "Its group on the page of all apps.")
    var category: String?

    @Option(help: ArgumentHelp("A Markdown file for its page.", valueName: "file"), completion: .file())
    var notes: String?

    @Option(help: "The path that is probed.")
    var healthPath: String?

    @Option(
        help: ArgumentHelp("How long to wait until it is online; 60, and 900 for containers.", valueName: "seconds"))
    var timeout: Int?

    @OptionGroup var options: LabOptions

    func run() async throws {
        let client = try LabClient(options)
        let workload = try await given.workload(client)
        let name = workload.name
        var spec = workload.fields
        for (key, value) in [
            ("host", host), ("title", title), ("summary", summary), ("category", category), ("healthPath", healthPath),
            ("message", message ?? workload.commit),
        ] {
            if let value { spec[key] = .string(value) }
        }
        if let notes {
            guard let data = FileManager.default.contents(atPath: notes) else {
                throw CommandFault("\(notes) cannot be read")
            }
            spec["notes"] = .string(String(decoding: data, as: UTF8.self))
        }
        let start = ContinuousClock.now
        let path = "/v1/apps/\(try PathSegment(name).text)"
        let app: AppView
        do {
            app = try await client.request(.put, path, body: JSONText(encoding: spec)).decode(AppView.self)
        } catch let problem as Problem {
            throw Self.inOptions(problem)
        }
        let progress = DeployProgress(
            wanted: ["Running", "Routed", "Resolvable", "Online", "Documented"], generation: app.generation,
            start: start)
        try await WithTimeout.run(.seconds(timeout ?? (given.upstream == nil ? 900 : 60))) {
            try await progress.follow(client, app: name, terminal: options.json ? nil : .standardOutput)
        }
        try await progress.finish(client, app: name, options: options)
    }

    /// The same problem with the fields named as they were given here: `/body/healthPath` is `--health-path`.
    static func inOptions(_ problem: Problem) -> Problem {
        var problem = problem
        problem.fields = problem.fields.map { field in
            let segments = field.pointer.split(separator: "/")
            guard segments.count == 2, segments[0] == "body" else {
                return .init(field.pointer == "/name" ? "name" : field.pointer, field.detail, remedy: field.remedy)
            }
            let words = segments[1].map { $0.isUppercase ? "-" + $0.lowercased() : String($0) }
            return .init("--" + words.joined(), field.detail, remedy: field.remedy)
        }
        return problem
    }
}
