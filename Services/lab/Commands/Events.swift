import ArgumentParser
import Foundation
import LabKit

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
        while true {
            try await client.follow("/v1/events/stream") { event in
                show(try JSONText(trusted: event.data).decode(EventDocument.self))
                return true
            }
        }
    }

    private func show(_ event: EventDocument) {
        let terminal = Terminal.standardOutput
        guard !options.json else { return terminal.line(event.jsonText.text) }
        let subject = event.name.map { " \($0)" } ?? ""
        let data =
            event.data == .object([:]) || event.data == .null
            ? "" : " " + ((try? JSONText(encoding: event.data).text) ?? "")
        terminal.line(
            "\(terminal.styled(event.at.rfc3339, .dim))  \(terminal.styled(event.type, .bold))\(subject)\(terminal.styled(data, .dim))"
        )
    }
}
