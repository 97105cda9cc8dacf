import ArgumentParser
import FoundationEssentials
import LabKit

/// `lab plan ./my-app`
struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what deploying an app would change, and change nothing.")

    @Argument(
        help: "The app's name, with --upstream; else a folder with a Compose file, such a file, a Git URL, or -.",
        completion: .directory)
    var app: String

    @Option(help: "Where the app answers, such as http://127.0.0.1:9999.")
    var upstream: String?

    @Option(help: "The app's name, where the folder's is not to be it.")
    var name: String?

    @OptionGroup var options: LabOptions

    private struct Answer: Decodable {
        struct Step: Decodable {
            let action: String
            let kind: String
            let name: String
            let detail: String
        }

        let steps: [Step]
    }

    func run() async throws {
        let client = try LabClient(options)
        let (name, fields, _) = try await Deploy.workload(app, upstream: upstream, name: name)
        let text: JSONText
        do {
            text = try await client.request(
                .post, "/v1/apps/\(try PathSegment(name).text)/plan", body: JSONText(encoding: fields))
        } catch let problem as Problem {
            throw Deploy.inOptions(problem)
        }
        guard !options.json else { return Terminal.standardOutput.line(text.text) }
        let terminal = Terminal.standardOutput
        let steps = try text.decode(Answer.self).steps
        guard !steps.isEmpty else { return terminal.line("  nothing would change") }
        for step in steps {
            let (sign, style): (String, Terminal.Style) =
                switch step.action {
                case "create": ("+", .green)
                case "remove": ("-", .red)
                default: ("~", .yellow)
                }
            terminal.row([
                .init("  "), .init(sign, style), .init(" " + step.kind.padded(to: 12), .bold),
                .init(step.name + "  "), .init(step.detail, .dim),
            ])
        }
    }
}
