import ArgumentParser
import FoundationEssentials
import LabKit

/// `lab releases notes`, `lab releases notes 3 4`
struct Releases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what was run of an app in containers; with two numbers, what changed between them.")

    @Argument(help: "The app's name.")
    var name: String

    @Argument(help: "One release to show, or two to compare.")
    var numbers: [Int] = []

    @OptionGroup var options: LabOptions

    private struct Image: Decodable {
        let reference: String
        let id: String
    }

    private struct Summary: Decodable {
        let number: Int
        let status: String
        let reason: String
        let isLeftStanding: Bool
        let images: [String: Image]
        let copyOf: Int?
        let actor: String
        let message: String
        let createdAt: Date

        /// What the lab did when it did not come up.
        var ending: String { isLeftStanding ? "left standing" : "taken back by lab" }
    }

    private struct List: Decodable {
        let items: [Summary]
    }

    private struct Whole: Decodable {
        let release: Summary
        let compose: String
        let log: String
    }

    func validate() throws {
        guard numbers.count <= 2 else { throw ValidationError("Give one release to show, or two to compare.") }
    }

    func run() async throws {
        let client = try LabClient(options)
        let path = "/v1/apps/\(try PathSegment(name).text)/releases"
        guard !numbers.isEmpty else { return try await list(client, path) }
        var texts: [JSONText] = []
        for number in numbers { texts.append(try await client.request(.get, "\(path)/\(number)")) }
        guard !options.json else {
            for text in texts { Terminal.standardOutput.line(text.text) }
            return
        }
        let releases = try texts.map { try $0.decode(Whole.self) }
        if releases.count == 1 { show(releases[0]) } else { compare(releases[0], releases[1]) }
    }

    private func list(_ client: LabClient, _ path: String) async throws {
        let text = try await client.request(.get, path)
        guard !options.json else { return Terminal.standardOutput.line(text.text) }
        var table = Table(["RELEASE", "STATUS", "MADE", "BY", "WHY", "IMAGES, OR WHY IT FAILED"])
        for release in try text.decode(List.self).items {
            let images = release.images.sorted { $0.key < $1.key }.map { "\($0.value.reference)" }
            let copy = release.copyOf.map { "release \($0) again: " } ?? ""
            table.add([
                Table.Cell("\(release.number)", .bold), Table.Cell(release.status),
                Table.Cell(release.createdAt.rfc3339, .dim), Table.Cell(release.actor.isEmpty ? "—" : release.actor),
                Table.Cell(release.message.isEmpty ? "—" : release.message.shortened(to: 40)),
                Table.Cell(
                    release.reason.isEmpty
                        ? copy + images.joined(separator: ", ") : "\(release.ending): \(release.reason)"),
            ])
        }
        table.write(to: .standardOutput)
    }

    private func show(_ whole: Whole) {
        let terminal = Terminal.standardOutput
        let release = whole.release
        terminal.line(
            "\(terminal.styled("release \(release.number)", .bold))  \(release.status)  \(release.createdAt.rfc3339)")
        if !release.actor.isEmpty { terminal.line("  \("by".padded(to: 14)) \(release.actor)") }
        if !release.message.isEmpty { terminal.line("  \("why".padded(to: 14)) \(release.message)") }
        if !release.reason.isEmpty { terminal.paragraph([.init("  \(release.ending): ")], release.reason, indent: 2) }
        for (service, image) in release.images.sorted(by: { $0.key < $1.key }) {
            terminal.line("  \(service.padded(to: 14)) \(image.reference)  \(terminal.styled(image.id, .dim))")
        }
        if !whole.log.isEmpty { terminal.line("\n" + whole.log) }
    }

    private func compare(_ old: Whole, _ new: Whole) {
        let terminal = Terminal.standardOutput
        terminal.line("release \(old.release.number) → release \(new.release.number)")
        for service in Set(old.release.images.keys).union(new.release.images.keys).sorted() {
            let (before, after) = (old.release.images[service], new.release.images[service])
            guard before?.id != after?.id || before?.reference != after?.reference else { continue }
            let from = before.map { "\($0.reference) (\($0.id.dropFirst(7).prefix(12)))" } ?? "nothing"
            let to = after.map { "\($0.reference) (\($0.id.dropFirst(7).prefix(12)))" } ?? "nothing"
            terminal.line("  image of \(service): \(from) → \(to)")
        }
        for line in LineDifference.between(old.compose, new.compose) {
            switch line {
            case .removed(let text): terminal.line(terminal.styled("- \(text)", .red))
            case .added(let text): terminal.line(terminal.styled("+ \(text)", .green))
            }
        }
    }
}

/// The lines that two texts do not share.
enum LineDifference {
    enum Line: Hashable {
        case removed(String)
        case added(String)
    }

    static func between(_ old: String, _ new: String) -> [Line] {
        let before = old.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let after = new.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let changes = after.difference(from: before)
        let removals = changes.removals.map { change -> (Int, Line) in
            guard case .remove(let offset, let text, _) = change else { return (0, .removed("")) }
            return (offset * 2, .removed(text))
        }
        let insertions = changes.insertions.map { change -> (Int, Line) in
            guard case .insert(let offset, let text, _) = change else { return (0, .added("")) }
            return (offset * 2 + 1, .added(text))
        }
        return (removals + insertions).sorted { $0.0 < $1.0 }.map(\.1)
    }
}
