import FoundationEssentials
import LabCore
import LabState
import Testing

@testable import Provisioner

@Suite("Pages")
struct PageTests {
    static let day = Date(timeIntervalSince1970: 1_767_225_600)

    static func page(
        title: String = "Notes", summary: String? = "Notes of the household.", notes: String? = "Backed up *nightly*."
    ) throws -> AppPage {
        let key = App.key(try ResourceName("notes"))
        return AppPage(
            name: try AppName("notes"), title: title, summary: summary, category: "home",
            host: try Hostname("notes.home.arpa"), runtime: "native", upstream: "http://192.168.1.20:8096",
            notes: notes, since: day, generation: 3, isPlatform: false,
            rows: [
                AppPage.Row(
                    condition: .met("Running", reason: "UpstreamAnswers", message: "200 in 3 ms"), since: day,
                    observedAt: day.addingTimeInterval(120))
            ],
            changes: [
                try #require(
                    Change(
                        type: "app.online", subject: key, payload: #"{"url": "https://notes.home.arpa"}"#,
                        at: day.addingTimeInterval(60))),
                try #require(Change(type: "app.declared", subject: key, payload: #"{"by": "anna"}"#, at: day)),
            ])
    }

    @Test("an app's page says what it is, where it runs, how it stands and what changed")
    func golden() throws {
        #expect(
            try Self.page().text() == """
                ---
                generator: homelab-provisioner
                title: "Notes"
                app: "notes"
                host: "notes.home.arpa"
                url: "https://notes.home.arpa"
                category: "home"
                runtime: "native"
                upstream: "http://192.168.1.20:8096"
                since: "2026-01-01T00:00:00.000Z"
                generation: "3"
                ---

                # Notes

                ## What it is

                Notes of the household.

                ## Where it runs

                |  |  |
                | --- | --- |
                | Address | [notes.home.arpa](https://notes.home.arpa) |
                | Upstream | `http://192.168.1.20:8096` |
                | Runtime | `native` |
                | Category | home |
                | Declared | 2026-01-01 00:00 UTC, generation 3 |

                ## Conditions

                | Condition | Status | Reason | Since (UTC) | Observed (UTC) | What was seen |
                | --- | --- | --- | --- | --- | --- |
                | Running | true | `UpstreamAnswers` | 2026-01-01 00:00 | 2026-01-01 00:02 | 200 in 3 ms |

                ## Notes

                Backed up *nightly*.

                ## Changes

                - 2026-01-01 00:01: is online at https://notes.home.arpa
                - 2026-01-01 00:00: was declared by anna

                """)
    }

    @Test("the change log is grouped by days, newest first")
    func changelog() throws {
        let notes = App.key(try ResourceName("notes"))
        let changes = [
            Change(type: "app.offline", subject: notes, payload: #"{"message": "no answer"}"#, at: Self.day + 90_000),
            Change(type: "app.declared", subject: notes, payload: #"{"by": "anna"}"#, at: Self.day),
        ].compactMap { $0 }
        let text = ChangelogPage(changes: changes).text
        #expect(
            text.hasSuffix(
                """
                # Change log

                ## 2026-01-02

                - 01:00 App **notes** is offline: no answer

                ## 2026-01-01

                - 00:00 App **notes** was declared by anna

                """), "\(text)")
    }

    @Test("what an event tells that is no change is left out")
    func untold() throws {
        let key = App.key(try ResourceName("notes"))
        #expect(Change(type: "app.restarted", subject: key, payload: "{}", at: Self.day) == nil)
    }

    @Test(
        "a hostile title stays one line of plain text in front matter, heading and tables",
        arguments: [
            "a\n---\n# Owned", "a | b", "<script>alert(1)</script>", "\" evil: true", "`a`", "[x](javascript:y)",
            "\u{202E}cba", "a\u{2028}b", "\\| x", "<\u{301}b>",
        ])
    func hostileTitles(_ title: String) throws {
        let text = try Self.page(title: title, summary: title, notes: nil).text()
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count { $0 == "---" } == 2)
        #expect(lines.count { $0.hasPrefix("# ") } == 1)
        #expect(!text.unicodeScalars.dropFirst(400).contains("<"))
        #expect(!text.unicodeScalars.contains("\u{202E}") && !text.unicodeScalars.contains("\u{2028}"))
        let heading = try #require(lines.first { $0.hasPrefix("# ") })
        #expect(!heading.unicodeScalars.contains("|") && !heading.contains("[x]("))
        #expect(FrontMatter.isOurs(text))
    }

    @Test(
        "hostile notes cannot break the page",
        arguments: [
            ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
            ("<\u{301}b>", "&lt;\u{301}b>"),
            ("# Title", "### Title"), ("Title\n===", "Title\n\\==="), ("Title\n---", "Title\n***"),
            ("Title\n-", "Title\n\\-"),
            ("```\n<b>\n```", "```\n<b>\n```"), ("```\n<b>", "```\n<b>\n```"),
            ("~~~~ sh\nx\n~~~", "~~~~ sh\nx\n~~~\n~~~~"),
            (" ```\n```\n<b>", " &#96;&#96;&#96;\n&#96;&#96;&#96;\n&lt;b>"),
            ("- ```\n  <b>\ntext", "- &#96;&#96;&#96;\n  &lt;b>\ntext"),
            ("[x](javascript:alert(1))", "[x](javascript%3Aalert(1))"),
            ("[x](JavaScript\\:alert(1))", "[x](JavaScript%3Aalert(1))"),
            ("[x](&#106;avascript:alert(1))", "[x](&amp;#106;avascript:alert(1))"),
            ("data: the numbers", "data: the numbers"), ("a\r\nb\rc\u{0}", "a\nb\nc"),
            ("\u{1}# x", "### x"),
        ])
    func hostileNotes(_ given: String, _ expected: String) {
        #expect(Notes.section(given) == expected)
    }

    @Test("the page of all apps groups them and puts the platform last")
    func index() throws {
        func entry(_ name: String, _ category: String?, _ hasPage: Bool) throws -> IndexPage.Entry {
            IndexPage.Entry(
                name: try AppName(name), title: name, host: try Hostname("\(name).home.arpa"), category: category,
                summary: nil, online: hasPage ? .true : .unknown, hasPage: hasPage)
        }
        let text = IndexPage(
            entries: [
                try entry("provisioner", "platform", true), try entry("photos", nil, false),
                try entry("notes", "home", true),
            ]
        ).text
        let headings = text.split(separator: "\n").filter { $0.hasPrefix("## ") }
        #expect(headings == ["## home", "## Without a category", "## platform"])
        #expect(text.contains("| [notes](services/notes.md) | [notes.home.arpa](https://notes.home.arpa) | yes |"))
        #expect(text.contains("| photos | [photos.home.arpa](https://photos.home.arpa) | not known |"))
    }
}
