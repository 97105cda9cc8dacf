import ArgumentParser
import FoundationEssentials
import LabKit

/// `lab catalog`, `lab catalog photos`
struct CatalogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalog", abstract: "List or search the apps that come ready: lab deploy NAME.")

    @Argument(help: "Words that all stand in its name, title or sentence.")
    var words: [String] = []

    @Option(help: "Only of this group, such as Media.")
    var category: String?

    @OptionGroup var options: LabOptions

    private struct Answer: Decodable {
        struct Item: Decodable {
            let name: String
            let category: String
            let summary: String
        }

        let items: [Item]
    }

    func run() async throws {
        let client = try LabClient(options)
        var query = "?search=\(PercentEncoding.encode(words.joined(separator: " ")))"
        if let category { query += "&category=\(PercentEncoding.encode(category))" }
        let text = try await client.request(.get, "/v1/catalog" + query)
        let terminal = Terminal.standardOutput
        guard !options.json else { return terminal.line(text.text) }
        let items = try text.decode(Answer.self).items
        guard !items.isEmpty else {
            throw CommandFault(
                words.isEmpty ? "the lab has no catalog" : "no app of the catalog has these words",
                remedy: words.isEmpty
                    ? "Set LAB_CATALOG_DIR to the folder with the apps" : "See all of them: lab catalog")
        }
        var table = Table(["APP", "GROUP", "WHAT IT IS"])
        for item in items.sorted(by: { ($0.category, $0.name) < ($1.category, $1.name) }) {
            table.add([Table.Cell(item.name, .bold), Table.Cell(item.category, .dim), Table.Cell(item.summary)])
        }
        table.write(to: terminal)
    }
}

/// An app of the catalog, as the lab gives it for its deployment.
struct CatalogApp: Decodable {
    let compose: String
    let files: [String: String]

    /// - Throws: ``CommandFault`` when the catalog has none of the name.
    init(named name: String, of client: LabClient) async throws {
        self = try await client.get("/v1/catalog/\(try PathSegment(name).text)")
    }
}
