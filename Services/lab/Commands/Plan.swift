import ArgumentParser
import FoundationEssentials
import LabKit

/// `lab plan ./my-app`
struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what deploying an app would change, and change nothing.")

    @OptionGroup var given: WorkloadArguments
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
        let workload = try await given.workload(client)
        let text: JSONText
        do {
            text = try await client.request(
                .post, "/v1/apps/\(try PathSegment(workload.name).text)/plan", body: JSONText(encoding: workload.fields)
            )
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
