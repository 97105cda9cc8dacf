import ArgumentParser
import FoundationEssentials
import LabKit

/// `lab secret list nextcloud`, `lab secret show nextcloud DB_PASSWORD`, `lab secret rotate nextcloud DB_PASSWORD`,
/// `lab secret set qbittorrent VPN_PRIVATE_KEY <key`
struct SecretCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "The secrets of an app in containers: made by the lab, or given to it.",
        subcommands: [ListNames.self, Show.self, Set.self, Rotate.self, Remove.self])

    struct ListNames: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List them, without their values.")

        @Argument(help: "The app's name.")
        var name: String

        @OptionGroup var options: LabOptions

        private struct List: Decodable {
            struct Item: Decodable {
                let name: String
                let rotatedAt: Date
            }

            let items: [Item]
        }

        func run() async throws {
            let client = try LabClient(options)
            let text = try await client.request(.get, "/v1/apps/\(try PathSegment(name).text)/secrets")
            guard !options.json else { return Terminal.standardOutput.line(text.text) }
            var table = Table(["SECRET", "MADE"])
            for item in try text.decode(List.self).items {
                table.add([Table.Cell(item.name, .bold), Table.Cell(item.rotatedAt.rfc3339, .dim)])
            }
            table.write(to: .standardOutput)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the value of one, which is audited.")

        @Argument(help: "The app's name.")
        var name: String

        @Argument(help: "The secret's name.")
        var secret: String

        @OptionGroup var options: LabOptions

        private struct Answer: Decodable {
            let value: String
        }

        func run() async throws {
            let client = try LabClient(options)
            let path = "/v1/apps/\(try PathSegment(name).text)/secrets/\(try PathSegment(secret).text)/reveal"
            let text = try await client.request(.post, path)
            Terminal.standardOutput.line(options.json ? text.text : try text.decode(Answer.self).value)
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make one anew, start the containers that use it again, and wait until the app is online.")

        @Argument(help: "The app's name.")
        var name: String

        @Argument(help: "The secret's name.")
        var secret: String

        @Option(help: ArgumentHelp("How long to wait until it is online.", valueName: "seconds"))
        var timeout: Int = 300

        @OptionGroup var options: LabOptions

        func run() async throws {
            let client = try LabClient(options)
            let start = ContinuousClock.now
            let path = "/v1/apps/\(try PathSegment(name).text)/secrets/\(try PathSegment(secret).text)/rotate"
            let answer = try await client.request(.post, path)
            try await AppAnswer.follow(answer, client, name, since: start, timeout: timeout, options)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give one its value, which is read from the standard input, also before the app is deployed.",
            discussion: """
                The secret is a variable of the app's Compose file. Its value is asked for, or is what a pipe or a file \
                gives, without the line end: lab secret set qbittorrent VPN_PRIVATE_KEY <key.txt
                """)

        @Argument(help: "The app's name.")
        var name: String

        @Argument(help: "The secret's name, such as VPN_PRIVATE_KEY.")
        var secret: String

        @Option(help: ArgumentHelp("How long to wait until the app is online.", valueName: "seconds"))
        var timeout: Int = 300

        @OptionGroup var options: LabOptions

        private struct Answer: Decodable {
            let generation: Int64?
        }

        func run() async throws {
            let client = try LabClient(options)
            let value = try StandardInput.secret(prompt: "\(secret) of \(name): ")
            let path = "/v1/apps/\(try PathSegment(name).text)/secrets/\(try PathSegment(secret).text)"
            let start = ContinuousClock.now
            let text = try await client.request(
                .put, path, body: JSONText(encoding: ["value": value.reveal()] as [String: String]))
            guard let generation = try text.decode(Answer.self).generation else {
                return AppAnswer.tell("\(secret) is kept for \(name), which is not deployed yet", text, options)
            }
            try await AppAnswer.follow(
                generation: generation, client, name, since: start, timeout: timeout, options)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget one that no release of the app is filled in with.")

        @Argument(help: "The app's name.")
        var name: String

        @Argument(help: "The secret's name.")
        var secret: String

        @OptionGroup var options: LabOptions

        func run() async throws {
            let client = try LabClient(options)
            let path = "/v1/apps/\(try PathSegment(name).text)/secrets/\(try PathSegment(secret).text)"
            AppAnswer.tell("\(secret) is forgotten", try await client.request(.delete, path), options)
        }
    }
}
