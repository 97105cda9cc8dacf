import ArgumentParser
import Foundation
import LabKit

/// `lab status`
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the apps and how true each is.")

    @Argument(help: "Only this app, with what was observed of it.")
    var name: String?

    @OptionGroup var options: LabOptions

    private static let types = ["Running", "Routed", "Resolvable", "Online", "Documented"]

    func run() async throws {
        let client = try LabClient(options)
        if let name {
            let text = try await client.request(.get, "/v1/apps/\(try PathSegment(name).text)")
            guard !options.json else { return Terminal.standardOutput.line(text.text) }
            return show(try text.decode(AppView.self))
        }
        var apps: [AppView] = []
        var raw: [JSONValue] = []
        var after = ""
        repeat {
            let text = try await client.request(.get, "/v1/apps?limit=500" + (after.isEmpty ? "" : "&after=\(after)"))
            let page = try text.decode(AppList.self)
            apps += page.items
            if options.json, case .array(let items)? = try text.decode(JSONValue.self)["items"] { raw += items }
            after = page.next?.text ?? ""
        } while !after.isEmpty
        guard !options.json else {
            return Terminal.standardOutput.line(try JSONText(encoding: JSONValue.array(raw)).text)
        }
        show(apps)
    }

    private func show(_ apps: [AppView]) {
        let terminal = Terminal.standardOutput
        guard !apps.isEmpty else {
            return terminal.line("No apps yet. Put one online with: lab deploy NAME --upstream http://127.0.0.1:PORT")
        }
        var table = Table(["APP"] + Self.types.map { $0.uppercased() } + ["WHAT IS MISSING"])
        for app in apps {
            let conditions = Self.types.map { app.condition($0) }
            let missing = conditions.first { $0?.status != .true }.flatMap { $0 }
            let word = app.deletedAt == nil ? missing.map { "\($0.reason): \($0.message)" } ?? "" : "being removed"
            table.add(
                [Table.Cell(app.name.text, .bold)]
                    + conditions.map { condition in
                        switch condition?.status {
                        case .true: Table.Cell("✓", .green)
                        case .false: Table.Cell("✗", .red)
                        default: Table.Cell("…", .yellow)
                        }
                    } + [Table.Cell(String(word.prefix(100)))])
        }
        table.write(to: terminal)
    }

    private func show(_ app: AppView) {
        let terminal = Terminal.standardOutput
        terminal.line("\(terminal.styled(app.name.text, .bold))  \(app.spec.upstream)  generation \(app.generation)")
        var table = Table(["", "CONDITION", "SINCE", "REASON", "OBSERVED"])
        for type in Self.types {
            let condition = app.condition(type)
            table.add([
                Table.Cell((condition?.status ?? .unknown).mark(on: terminal)), Table.Cell(type, .bold),
                Table.Cell(condition?.observedAt.rfc3339 ?? "—", .dim), Table.Cell(condition?.reason ?? "—"),
                Table.Cell(condition?.message ?? "nothing yet"),
            ])
        }
        table.write(to: terminal)
    }
}
