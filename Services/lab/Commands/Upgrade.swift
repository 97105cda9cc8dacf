import ArgumentParser
import LabKit

/// `lab upgrade notes`
struct Upgrade: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Pull an app's images anew; where a name means another one now, run that, and wait until it is online.")

    @Argument(help: "The app's name.")
    var name: String

    @Option(
        name: [.customShort("m"), .long],
        help: ArgumentHelp("Why, in one line; its release says it.", valueName: "text"))
    var message: String?

    @Option(help: ArgumentHelp("How long to wait until it is online.", valueName: "seconds"))
    var timeout: Int = 900

    @OptionGroup var options: LabOptions

    private struct Answer: Decodable {
        struct Image: Decodable {
            let service: String
            let reference: String
            let before: String?
            let after: String

            var isNew: Bool { before != after }
        }

        let generation: Int64
        let isChanged: Bool
        let images: [Image]
    }

    func run() async throws {
        let client = try LabClient(options)
        let body: [String: JSONValue] = message.map { ["message": .string($0)] } ?? [:]
        let text: JSONText
        do {
            let path = "/v1/apps/\(try PathSegment(name).text)/upgrade"
            text = try await Steps(isQuiet: options.json).step("pull the images of \(name)") {
                // However long they take.
                try await client.request(.post, path, body: JSONText(encoding: body), within: nil)
            }
        } catch let problem as Problem {
            throw Deploy.inOptions(problem)
        }
        let answer = try text.decode(Answer.self)
        let terminal = Terminal.standardOutput
        guard answer.isChanged else {
            return options.json
                ? terminal.line(text.text)
                : terminal.row([.init("  "), Condition.Status.true.mark, .init(" \(name) is the newest already")])
        }
        if !options.json {
            for image in answer.images where image.isNew {
                terminal.row([
                    .init("  \(image.service.padded(to: 14)) "), .init("\(image.reference)  ", .bold),
                    .init("\(Self.short(image.before)) → \(Self.short(image.after))", .dim),
                ])
            }
        }
        try await AppAnswer.follow(
            generation: answer.generation, client, name, since: .now, timeout: timeout, options)
    }

    /// The beginning of an image's digest.
    private static func short(_ id: String?) -> String {
        id.map { String($0.drop { $0 != ":" }.dropFirst().prefix(12)) } ?? "nothing"
    }
}
