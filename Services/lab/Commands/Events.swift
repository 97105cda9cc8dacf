import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit
import Synchronization

/// `lab events`, `lab events -f`
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what happened, newest last.")

    @Flag(name: [.short, .customLong("follow")], help: "Go on with what happens from now on.")
    var follow = false

    @Option(help: "How many of the past.")
    var limit: Int = 20

    @OptionGroup var options: LabOptions

    private struct Page: Decodable {
        let items: [EventDocument]
    }

    func run() async throws {
        let client = try LabClient(options)
        let page: Page = try await client.get("/v1/events?limit=\(limit)")
        for event in page.items.reversed() { show(event) }
        guard follow else { return }
        // What happens between two streams is not lost: each begins after the last event that was shown.
        let last = Mutex(page.items.first.map { String($0.sequence) })
        while true {
            try await client.follow("/v1/events/stream", after: last.withLock { $0 }) { event in
                show(try JSONText(trusted: event.data).decode(EventDocument.self))
                if let id = event.id { last.withLock { $0 = id } }
                return true
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// What an event says: its message where it has one, since a line has no room for all of its data.
    private static func text(of data: JSONValue) -> String {
        if let message = data["message"]?.stringValue { return " " + message }
        guard data != .object([:]), data != .null else { return "" }
        return " " + ((try? JSONText(encoding: data).text) ?? "")
    }

    private func show(_ event: EventDocument) {
        let terminal = Terminal.standardOutput
        guard !options.json else { return terminal.line(event.jsonText.text) }
        let subject = event.name.map { " \($0)" } ?? ""
        terminal.row([
            .init(event.at.rfc3339 + "  ", .dim), .init(event.type, .bold), .init(subject),
            .init(Self.text(of: event.data), .dim),
        ])
    }
}
