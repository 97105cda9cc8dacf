import ArgumentParser
import FoundationEssentials
import Glibc
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
            let text = try await client.requestApp(.get, name)
            guard !options.json else { return Terminal.standardOutput.line(text.text) }
            return show(try text.decode(AppView.self))
        }
        let pages = try await client.appPages()
        guard !options.json else {
            let items = try pages.flatMap { try $0.decode(JSONValue.self)["items"]?.arrayValue ?? [] }
            return Terminal.standardOutput.line(try JSONText(encoding: JSONValue.array(items)).text)
        }
        show(try pages.flatMap { try $0.decode(AppList.self).items })
    }

    private func show(_ apps: [AppView]) {
        let terminal = Terminal.standardOutput
        guard !apps.isEmpty else {
            return terminal.line("No apps yet. Put one online with: lab deploy NAME --upstream http://127.0.0.1:PORT")
        }
        var table = Table(["APP", "STATE", "CONDITIONS", "WHERE, OR WHAT IS MISSING"])
        for app in apps {
            let conditions = Self.types.map { app.condition($0) }
            let missing = zip(Self.types, conditions).first { $0.1?.status != .true }
            table.add([
                Table.Cell(app.name.text, .bold), Self.state(of: app, missing: missing?.0),
                Table.Cell(conditions.flatMap { [($0?.status ?? .unknown).mark, Terminal.Piece(" ")] }),
                missing.map { type, condition in
                    Table.Cell(condition.map { "\($0.reason): \($0.message)" } ?? "\(type) was not observed yet")
                } ?? Table.Cell(address(of: app), .cyan),
            ])
        }
        table.write(to: terminal)
        terminal.row([.init("The conditions: " + Self.types.joined(separator: ", "), .dim)])
    }

    private static func state(of app: AppView, missing: String?) -> Table.Cell {
        if app.deletedAt != nil { return Table.Cell("being removed", .yellow) }
        return missing.map { Table.Cell("not \($0)", .red) } ?? Table.Cell("online", .green)
    }

    /// The app's URL; from another machine its host alone, since only the lab's own knows the proxy's port.
    private func address(of app: AppView) -> String {
        guard !LabClient.isElsewhere else { return app.spec.host?.text ?? "" }
        guard let info = try? options.directory.info() else {
            guard let platform = try? PlatformAddress.Files(options.directory).read() else { return "" }
            return platform.url(of: app.spec.host?.text ?? "\(app.name).\(platform.domain)")
        }
        let host = app.spec.host?.text ?? "\(app.name).\(info.domain)"
        let port = info.https.split(separator: ":").last.flatMap { Int($0) } ?? 443
        return (try? Hostname(host))?.httpsURL(port: port) ?? host
    }

    private func show(_ app: AppView) {
        let terminal = Terminal.standardOutput
        terminal.line(
            "\(terminal.styled(app.name.text, .bold))  \(app.spec.upstream ?? "in containers")  generation \(app.generation)"
        )
        for type in Self.types {
            let condition = app.condition(type)
            terminal.row([
                (condition?.status ?? .unknown).mark, .init(" "), .init(type.padded(to: 12), .bold),
                .init(condition.map { "\($0.reason), observed at " } ?? "was not observed yet"),
                .init(condition?.observedAt.rfc3339 ?? "", .dim),
            ])
            if let condition { terminal.paragraph([.init("  ")], condition.message) }
        }
    }
}
