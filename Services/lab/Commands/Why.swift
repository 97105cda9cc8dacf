import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab why notes`: from outside, as a client would, step by step.
struct Why: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Walk an app's way from outside and say the first step that is wrong.",
        discussion: "The steps: name, address, port, certificate, route, upstream.")

    @Argument(help: "The app's name.")
    var name: String

    @OptionGroup var options: LabOptions

    func run() async throws {
        let client = try LabClient(options)
        guard let info = try options.directory.info() else {
            throw CommandFault(
                "“lab why” looks from the lab's own machine, and no lab runs in \(options.directory.path)",
                remedy: "Run it there, or name the directory with --state-dir", status: 2)
        }
        let app = try await client.requestApp(.get, name).decode(AppView.self)
        let walk = try ReachabilityWalk(info: info, app: app)
        let terminal: Terminal? = options.json ? nil : .standardOutput
        let steps = await walk.run { step in
            guard let terminal else { return }
            let mark = step.isRight ? Condition.Status.true : .false
            let title = step.title.padded(to: 12)
            terminal.paragraph([.init("  "), mark.mark, .init(" "), .init(title, .bold), .init(" ")], step.message)
            if let remedy = step.remedy { terminal.paragraph([.init("    → ")], remedy) }
        }
        let wrong = steps.first { !$0.isRight }
        if options.json {
            let document: JSONValue = [
                "name": .string(name), "isReachable": .boolean(wrong == nil),
                "wrong": wrong.map { .string($0.title) } ?? .null,
                "steps": .array(
                    steps.map { step in
                        [
                            "step": .string(step.title), "isRight": .boolean(step.isRight),
                            "message": .string(step.message), "remedy": step.remedy.map { .string($0) } ?? .null,
                        ]
                    }),
            ]
            Terminal.standardOutput.line(try JSONText(encoding: document).text)
        } else if wrong == nil {
            terminal?.line("  Everything is right from outside.")
        }
        if wrong != nil { throw ExitCode(1) }
    }
}
