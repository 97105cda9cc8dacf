import Foundation
import LabCore
import LabState
import Testing

@testable import Provisioner

@Suite("Releases")
struct ReleaseTests {
    /// Releases from words such as `live`, newest first; each has a document of its own but for those in brackets.
    private static func history(_ words: String) throws -> [Release] {
        let words = words.split(separator: " ")
        return try words.enumerated().map { index, word in
            let number = words.count - index
            let parts = word.split(separator: "/")
            return Release(
                app: try AppName("x"), number: number, sourceHash: "\(number)", compose: "", files: [:],
                document: JSONText(trusted: #"{"services": {"web": {"image": "\#(parts.last ?? "")"}}}"#),
                images: ["web": .init(reference: "nginx", id: "sha256:\(number)")], service: "web", scheme: "http",
                port: 80, status: Release.Status(rawValue: String(parts[0])) ?? .failed, reason: "", log: "",
                copyOf: nil, actor: "", message: "", createdAt: Date(timeIntervalSince1970: 0))
        }
    }

    @Test(
        "the newest releases are kept, and what runs, what going back leads to, and what is being started",
        arguments: [
            ("live/a", 1, []), ("live/d replaced/c replaced/b replaced/a", 2, [2, 1]),
            ("live/d replaced/c replaced/b replaced/a", 1, [2, 1]), ("live/d replaced/c replaced/b", 3, []),
            ("failed/e failed/d failed/c live/b replaced/a", 2, [3]),
            ("failed/e failed/d replaced/c replaced/b replaced/a", 1, [4, 2, 1]),
            // Going back would not lead to the same as what runs.
            ("live/a replaced/a replaced/b replaced/c", 1, [3, 1]), ("failed/c starting/b live/a", 1, []),
        ])
    func retention(_ words: String, _ count: Int, _ wanted: [Int]) throws {
        let outdated = ReleaseRetention.outdated(in: try Self.history(words), keeping: count)
        #expect(outdated.map(\.number) == wanted)
        #expect(ReleaseRetention.outdated(in: try Self.history(words), keeping: 100).isEmpty)
    }

    @Test("who declares an app and why is new only with something else that is new")
    func origin() throws {
        func spec(_ compose: String, _ message: String? = nil) throws -> AppSpec {
            AppSpec(compose: try ComposeText(compose), message: try message.map { try AppMessage($0) })
        }
        let first = try spec("a", "first").declared(by: "anna", instead: nil)
        #expect(first.actor == "anna" && first.message?.text == "first")
        #expect(try spec("a", "again").declared(by: "ben", instead: first) == first)
        #expect(try spec("a").declared(by: "ben", instead: first) == first)
        let second = try spec("b").declared(by: "ben", instead: first)
        #expect(second.actor == "ben" && second.message == nil)
        var upgraded = first
        upgraded.upgrade = 1
        #expect(try spec("a").declared(by: "ben", instead: upgraded) == upgraded)
        #expect(try spec("b").declared(by: "ben", instead: upgraded).upgrade == 1)
        var forged = AppSpec(upstream: try UpstreamURL("http://10.0.0.1"))
        forged.actor = "anna"
        #expect(forged.declared(by: "ben", instead: nil).actor == nil)
    }

    @Test("the head of a history is its newest release, what runs, and the last one that ran")
    func head() throws {
        let head = ReleaseHead(try Self.history("failed/d failed/c live/b replaced/a").reversed())
        #expect(head.newest?.number == 4 && head.live?.number == 2 && head.replaced?.number == 1)
        #expect(head.fallback?.number == 2)
        #expect(ReleaseHead(try Self.history("failed/c replaced/b replaced/a")).fallback?.number == 2)
        #expect(ReleaseHead([]).fallback == nil)
    }
}
