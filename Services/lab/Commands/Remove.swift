import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab remove notes`
struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take an app away: its route, certificate, name and page.")

    @Argument(help: "The app's name.")
    var name: String

    @Flag(help: "Do not ask.")
    var yes = false

    @Option(help: ArgumentHelp("How long to wait until it is gone.", valueName: "seconds"))
    var timeout: Int = 60

    @Flag(help: "Take away its volumes and its folder as well, which people may keep data in.")
    var volumes = false

    @OptionGroup var options: LabOptions

    func run() async throws {
        let client = try LabClient(options)
        let data = volumes ? ", its volumes and its folder" : ""
        try Confirmation.ask("Remove \(name) with its route, certificate, name and page\(data)?", isGiven: yes)
        let start = ContinuousClock.now
        if volumes {
            _ = try await client.request(.post, "/v1/apps/\(try PathSegment(name).text)/erase")
        } else {
            _ = try await client.requestApp(.delete, name)
        }
        let isGone = OnceFlag()
        try await WithTimeout.run(.seconds(timeout)) {
            while !isGone.isSet {
                try await client.followUntilGone(name) { isGone.set() }
            }
        }
        guard isGone.isSet else {
            throw CommandFault(
                "\(name) is not gone after \(timeout) s", remedy: "See what holds it with “lab status \(name)”")
        }
        let elapsed = ContinuousClock.now - start
        if options.json {
            let document: JSONValue = [
                "name": .string(name), "isGone": true, "milliseconds": .number(elapsed.milliseconds),
            ]
            Terminal.standardOutput.line(try JSONText(encoding: document).text)
        } else {
            let terminal = Terminal.standardOutput
            terminal.row([
                .init("  "), Condition.Status.true.mark, .init(" \(name) is gone "), .init(elapsed.shortText, .dim),
            ])
        }
    }
}

extension LabClient {
    func followUntilGone(_ app: String, _ gone: @Sendable () -> Void) async throws {
        try await follow("/v1/watch/apps/\(try PathSegment(app).text)") { event in
            guard event.name == "gone" else { return true }
            gone()
            return false
        }
    }
}

/// A question before something is taken away.
enum Confirmation {
    /// - Throws: ``CommandFault`` when the answer is not yes, or nobody can be asked.
    static func ask(_ question: String, isGiven: Bool) throws {
        guard !isGiven else { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw CommandFault("\(question) Nobody can be asked here", remedy: "Repeat it with --yes", status: 64)
        }
        Terminal.standardError.write("\(question) [y/N] ")
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw CommandFault("nothing was changed")
        }
    }
}
