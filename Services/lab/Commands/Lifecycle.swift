import ArgumentParser
import FoundationEssentials
import LabKit

/// `lab restart notes`
struct Restart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Restart an app's containers.")

    @Argument(help: "The app's name.")
    var name: String

    @OptionGroup var options: LabOptions

    func run() async throws {
        let client = try LabClient(options)
        let answer = try await client.request(.post, "/v1/apps/\(try PathSegment(name).text)/restart")
        AppAnswer.tell("\(name) was restarted", answer, options)
    }
}

/// `lab stop notes`
struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop an app's containers; it stays declared, and keeps its data.")

    @Argument(help: "The app's name.")
    var name: String

    @OptionGroup var options: LabOptions

    func run() async throws {
        let client = try LabClient(options)
        let answer = try await client.request(.post, "/v1/apps/\(try PathSegment(name).text)/stop")
        try await AppAnswer.awaitRunning(answer, client, name, timeout: 120) { $0.reason == "Stopped" }
        AppAnswer.tell("\(name) is stopped", answer, options)
    }
}

/// `lab start notes`
struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start an app that was stopped, and wait until it is online.")

    @Argument(help: "The app's name.")
    var name: String

    @Option(help: ArgumentHelp("How long to wait until it is online.", valueName: "seconds"))
    var timeout: Int = 300

    @OptionGroup var options: LabOptions

    func run() async throws {
        let client = try LabClient(options)
        let start = ContinuousClock.now
        let answer = try await client.request(.post, "/v1/apps/\(try PathSegment(name).text)/start")
        try await AppAnswer.follow(answer, client, name, since: start, timeout: timeout, options)
    }
}

/// `lab rollback notes`, `lab rollback notes 3`
struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go back to a release of an app: its Compose file, and its images as they were.")

    @Argument(help: "The app's name.")
    var name: String

    @Argument(help: "The release's number; the one that ran before, when none is given.")
    var release: Int?

    @Option(
        name: [.customShort("m"), .long],
        help: ArgumentHelp("Why, in one line; its release says it.", valueName: "text"))
    var message: String?

    @Option(help: ArgumentHelp("How long to wait until it is online.", valueName: "seconds"))
    var timeout: Int = 300

    @OptionGroup var options: LabOptions

    func run() async throws {
        let client = try LabClient(options)
        let start = ContinuousClock.now
        var body: [String: JSONValue] = [:]
        if let release { body["release"] = .integer(Int64(release)) }
        if let message { body["message"] = .string(message) }
        let answer = try await client.request(
            .post, "/v1/apps/\(try PathSegment(name).text)/rollback", body: JSONText(encoding: body))
        try await AppAnswer.follow(answer, client, name, since: start, timeout: timeout, options)
    }
}

/// What the commands do with the answer of a changed app.
enum AppAnswer {
    static func tell(_ text: String, _ answer: JSONText, _ options: LabOptions) {
        guard !options.json else { return Terminal.standardOutput.line(answer.text) }
        Terminal.standardOutput.row([.init("  "), Condition.Status.true.mark, .init(" " + text)])
    }

    /// Follows the app until it is online, as after a deployment.
    static func follow(
        _ answer: JSONText, _ client: LabClient, _ name: String, since start: ContinuousClock.Instant, timeout: Int,
        _ options: LabOptions
    ) async throws {
        let generation = try answer.decode(AppView.self).generation
        try await follow(generation: generation, client, name, since: start, timeout: timeout, options)
    }

    /// The same for what was declared as a generation.
    static func follow(
        generation: Int64, _ client: LabClient, _ name: String, since start: ContinuousClock.Instant, timeout: Int,
        _ options: LabOptions
    ) async throws {
        let progress = DeployProgress(
            wanted: ["Running", "Routed", "Resolvable", "Online", "Documented"], generation: generation, start: start)
        try await WithTimeout.run(.seconds(timeout)) {
            try await progress.follow(client, app: name, terminal: options.json ? nil : .standardOutput)
        }
        try await progress.finish(client, app: name, options: options)
    }

    /// Waits until the condition Running of the answered generation is as wanted.
    ///
    /// - Throws: ``CommandFault`` when the time is over.
    static func awaitRunning(
        _ answer: JSONText, _ client: LabClient, _ name: String, timeout: Int,
        _ isWanted: @escaping @Sendable (AppView.ConditionView) -> Bool
    ) async throws {
        let generation = try answer.decode(AppView.self).generation
        let isDone = OnceFlag()
        let path = "/v1/watch/apps/\(try PathSegment(name).text)"
        try await WithTimeout.run(.seconds(timeout)) {
            try await client.follow(path) { event in
                guard event.name == "resource" else { return event.name != "gone" }
                let app = try JSONText(trusted: event.data).decode(AppView.self)
                guard app.generation >= generation, let running = app.condition("Running"), isWanted(running) else {
                    return true
                }
                isDone.set()
                return false
            }
        }
        guard isDone.isSet else {
            throw CommandFault(
                "\(name) is not so far after \(timeout) seconds", remedy: "See how far it is with “lab status \(name)”")
        }
    }
}
