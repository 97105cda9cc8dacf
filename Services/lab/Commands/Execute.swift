import ArgumentParser
import LabKit

/// `lab exec notes -- ls -l /data`
struct Execute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command in a container of an app.",
        discussion: """
            It has no input and no terminal, and no shell sees it: lab exec notes -- sh -c 'ls *.db'. The exit status is \
            that of the command. It needs a token of the scope admin, since a command sees the app's secrets.
            """)

    @Argument(help: "The app's name.")
    var name: String

    @Option(name: [.short, .long], help: "In a container of this service; else of the one that people reach.")
    var service: String?

    @Option(help: ArgumentHelp("How long it may take; 60.", valueName: "seconds"))
    var timeout: Int?

    @Argument(parsing: .postTerminator, help: "The program and its arguments, after “--”.")
    var command: [String] = []

    @OptionGroup var options: LabOptions

    private struct Answer: Decodable {
        let exitCode: Int
        let standardOutput: String
        let standardError: String
        let isCut: Bool
    }

    func validate() throws {
        guard !command.isEmpty else {
            throw ValidationError("Give the command after “--”: lab exec \(name) -- ls -l")
        }
    }

    func run() async throws {
        let client = try LabClient(options)
        var body: [String: JSONValue] = ["command": .array(command.map { .string($0) })]
        if let service { body["service"] = .string(service) }
        if let timeout { body["seconds"] = .integer(Int64(timeout)) }
        let text: JSONText
        do {
            text = try await client.request(
                .post, "/v1/apps/\(try PathSegment(name).text)/exec", body: JSONText(encoding: body), within: nil)
        } catch let problem as Problem {
            throw Self.inOptions(problem)
        }
        let answer = try text.decode(Answer.self)
        if options.json {
            Terminal.standardOutput.line(text.text)
        } else {
            Terminal.standardOutput.write(answer.standardOutput)
            Terminal.standardError.write(answer.standardError)
            if answer.isCut { Terminal.standardError.line("lab: the rest of what it wrote was left out") }
        }
        guard answer.exitCode == 0 else { throw ExitCode(Int32(clamping: answer.exitCode)) }
    }

    /// The same problem with the fields named as they were given here.
    private static func inOptions(_ problem: Problem) -> Problem {
        let names = ["/body/service": "--service", "/body/seconds": "--timeout", "/body/command": "the command"]
        var problem = problem
        problem.fields = problem.fields.map {
            .init(names[$0.pointer] ?? $0.pointer, $0.detail, remedy: $0.remedy)
        }
        return problem
    }
}
