import ArgumentParser
import FoundationEssentials
import LabKit

/// `lab stats`, `lab stats notes`
struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what apps in containers take of the machine; each is watched for a second.")

    @Argument(help: "The app's name; all of them, when none is given.")
    var name: String?

    @OptionGroup var options: LabOptions

    private struct Answer: Codable, Sendable {
        struct Item: Codable, Sendable {
            struct Usage: Codable, Sendable {
                let cores: Double
                let memory: Int64
                let memoryLimit: Int64
                let received: Int64
                let sent: Int64
                let read: Int64
                let written: Int64
                let processes: Int64
            }

            let service: String
            let container: String
            let usage: Usage
        }

        let items: [Item]
    }

    func run() async throws {
        let client = try LabClient(options)
        let terminal = Terminal.standardOutput
        var answers: [(app: String, answer: Answer)] = []
        if let name {
            let text = try await client.request(.get, "/v1/apps/\(try PathSegment(name).text)/stats")
            guard !options.json else { return terminal.line(text.text) }
            answers = [(name, try text.decode(Answer.self))]
        } else {
            answers = try await all(client)
            if options.json {
                let document = Dictionary(answers.map { ($0.app, $0.answer.items) }) { first, _ in first }
                return terminal.line(try JSONText(encoding: document).text)
            }
        }
        var table = Table([
            "APP", "SERVICE", "CORES", "MEMORY", "OF", "NET IN", "NET OUT", "READ", "WRITTEN", "PROCESSES",
        ])
        for (app, answer) in answers {
            for item in answer.items {
                let usage = item.usage
                table.add([
                    Table.Cell(app, .bold), Table.Cell(item.service, .cyan),
                    Table.Cell(usage.cores.text(decimals: 2)),
                    Table.Cell(usage.memory.asBytes, isNearly(usage) ? .yellow : nil),
                    Table.Cell(usage.memoryLimit.asBytes, .dim),
                    Table.Cell(usage.received.asBytes), Table.Cell(usage.sent.asBytes),
                    Table.Cell(usage.read.asBytes), Table.Cell(usage.written.asBytes),
                    Table.Cell("\(usage.processes)"),
                ])
            }
        }
        table.write(to: terminal)
    }

    /// Whether the memory is about to run out.
    private func isNearly(_ usage: Answer.Item.Usage) -> Bool {
        usage.memoryLimit > 0 && Double(usage.memory) > 0.9 * Double(usage.memoryLimit)
    }

    /// Of all apps in containers, by name. One that goes meanwhile, or that is in none, is left out.
    private func all(_ client: LabClient) async throws -> [(app: String, answer: Answer)] {
        let names = try await client.apps().filter { $0.spec.upstream == nil }.map(\.name.text)
        return try await withThrowingTaskGroup(of: (String, Answer?).self) { group in
            for name in names {
                group.addTask {
                    do {
                        return (name, try await client.get("/v1/apps/\(name)/stats"))
                    } catch let problem as Problem where problem.reason != .unavailable {
                        return (name, nil)
                    }
                }
            }
            var answers: [(app: String, answer: Answer)] = []
            for try await case (let name, let answer?) in group { answers.append((name, answer)) }
            return answers.sorted { $0.app < $1.app }
        }
    }
}
