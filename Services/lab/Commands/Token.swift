import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab token create phone --scope read`
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list and end the tokens that programs come with.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a token; it is shown this once.")

        @Argument(help: "Whom or what it is for.")
        var name: String

        @Option(help: "What it allows: read, act or admin.", completion: .list(["read", "act", "admin"]))
        var scope: String = "read"

        @Option(help: "How many days it is valid; for ever when not given.")
        var days: Int?

        @OptionGroup var options: LabOptions

        private struct Made: Decodable {
            let token: String
        }

        func run() async throws {
            var body: [String: JSONValue] = ["name": .string(name), "scope": .string(scope)]
            if let days { body["days"] = .integer(Int64(days)) }
            let answer = try await LabClient(options).request(.post, "/v1/tokens", body: JSONText(encoding: body))
            Terminal.standardOutput.line(options.json ? answer.text : try answer.decode(Made.self).token)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tokens, without what would let anyone in.")

        @OptionGroup var options: LabOptions

        private struct Page: Decodable {
            let items: [TokenDocument]
        }

        func run() async throws {
            let text = try await LabClient(options).request(.get, "/v1/tokens")
            guard !options.json else { return Terminal.standardOutput.line(text.text) }
            var table = Table(["NAME", "SCOPE", "MADE", "ENDS"])
            for token in try text.decode(Page.self).items {
                table.add([
                    Table.Cell(token.name, .bold), Table.Cell(token.scope.rawValue),
                    Table.Cell(token.createdAt.rfc3339, .dim), Table.Cell(token.expiresAt?.rfc3339 ?? "never", .dim),
                ])
            }
            table.write(to: .standardOutput)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a token at once.")

        @Argument(help: "The token's name.")
        var name: String

        @Flag(help: "Do not ask.")
        var yes = false

        @OptionGroup var options: LabOptions

        func run() async throws {
            let client = try LabClient(options)
            try Confirmation.ask("End the token “\(name)”?", isGiven: yes)
            let answer = try await client.request(.delete, "/v1/tokens/\(try PathSegment(name).text)")
            Terminal.standardOutput.line(options.json ? answer.text : "The token “\(name)” lets nobody in any more.")
        }
    }
}
