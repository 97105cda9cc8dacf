import ArgumentParser
import FoundationEssentials
import LabKit

/// `lab logs notes`, `lab logs -f notes`
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what an app's containers write.")

    @Argument(help: "The app's name.")
    var name: String

    @Flag(name: [.short, .long], help: "Go on as more comes.")
    var follow = false

    @Option(help: "Only of this service.")
    var service: String?

    @Option(name: [.customShort("n"), .long], help: "How many lines of each container.")
    var lines: Int = 100

    @OptionGroup var options: LabOptions

    private struct Answer: Decodable {
        struct Line: Decodable, Hashable {
            let at: String
            let service: String
            let text: String
        }

        let items: [Line]
    }

    func run() async throws {
        let client = try LabClient(options)
        var query = "lines=\(lines)"
        if let service { query += "&service=\(PercentEncoding.encode(service))" }
        var since: String?
        var seen: Set<Answer.Line> = []
        while true {
            let from = since.map { "&since=\(PercentEncoding.encode($0))" } ?? ""
            let answer: Answer = try await client.get("/v1/apps/\(try PathSegment(name).text)/logs?\(query)\(from)")
            // The engine gives lines from that moment on, those of it included.
            for line in answer.items where !seen.contains(line) { show(line) }
            if let last = answer.items.last {
                since = last.at
                seen = Set(answer.items.filter { $0.at.prefix(23) == last.at.prefix(23) })
            }
            guard follow else { return }
            query = "lines=1000" + (service.map { "&service=\(PercentEncoding.encode($0))" } ?? "")
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    private func show(_ line: Answer.Line) {
        let terminal = Terminal.standardOutput
        guard !options.json else {
            let document: JSONValue = [
                "at": .string(line.at), "service": .string(line.service), "text": .string(line.text),
            ]
            return terminal.line((try? JSONText(encoding: document).text) ?? "")
        }
        terminal.line("\(terminal.styled(line.service, .cyan)) \(line.text)")
    }
}
