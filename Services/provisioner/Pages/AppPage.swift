import FoundationEssentials
import LabCore
import LabService
import LabState

/// The docs page of one app, as a value: everything that stands on it.
struct AppPage: Sendable, Hashable {
    /// How far the app is in one respect.
    struct Row: Sendable, Hashable {
        let condition: Condition
        /// Since when the status is what it is.
        let since: Date
        /// When this was last observed.
        let observedAt: Date
    }

    let name: AppName
    let title: String
    let summary: String?
    let category: String?
    let host: Hostname
    let runtime: String
    let upstream: String
    let notes: String?
    /// When it was first declared.
    let since: Date
    let generation: Int64
    let isPlatform: Bool
    let rows: [Row]
    /// Newest first.
    let changes: [Change]
    var httpsPort = 443

    var url: String { host.httpsURL(port: httpsPort) }

    /// The page; with `times` false without the times of observation and the words of the observations, which change
    /// at each look and are no reason to write it anew.
    func text(withObservations: Bool = true) -> String {
        [
            frontMatter, "\n# \(Markdown.inline(title))\n", whatItIs, whereItRuns, conditions(withObservations),
            notesSection,
            changeLog,
        ].joined(separator: "\n")
    }

    private var frontMatter: String {
        FrontMatter.text([
            ("title", title), ("app", name.text), ("host", host.text), ("url", url), ("category", category),
            ("runtime", runtime), ("upstream", upstream), ("since", since.rfc3339), ("generation", String(generation)),
        ])
        .trimmingSuffix("\n")
    }

    private var whatItIs: String {
        var lines = ["## What it is", ""]
        lines.append(Markdown.inline(summary ?? "No summary was given."))
        if isPlatform { lines += ["", "It is one of the platform's own services."] }
        return lines.joined(separator: "\n") + "\n"
    }

    private var whereItRuns: String {
        var rows = [
            ["Address", "[\(host)](\(url))"],
            ["Upstream", Markdown.code(upstream)],
            ["Runtime", Markdown.code(runtime)],
        ]
        if let category { rows.append(["Category", Markdown.inline(category)]) }
        rows.append(["Declared", "\(Markdown.time(since)) UTC, generation \(generation)"])
        return "## Where it runs\n\n" + Markdown.table(["", ""], rows)
    }

    private func conditions(_ withObservations: Bool) -> String {
        let rows = rows.map { row in
            [
                row.condition.type, row.condition.status.rawValue, Markdown.code(row.condition.reason),
                Markdown.time(row.since), withObservations ? Markdown.time(row.observedAt) : "",
                withObservations ? Markdown.inline(row.condition.message) : "",
            ]
        }
        return "## Conditions\n\n"
            + (rows.isEmpty
                ? "Nothing was observed yet.\n"
                : Markdown.table(
                    ["Condition", "Status", "Reason", "Since (UTC)", "Observed (UTC)", "What was seen"], rows))
    }

    private var notesSection: String {
        guard let notes, !notes.isEmpty else { return "## Notes\n\nNone.\n" }
        return "## Notes\n\n\(Notes.section(notes))\n"
    }

    private var changeLog: String {
        let lines = changes.map { "- \(Markdown.time($0.at)): \(Markdown.inline($0.text))\n" }
        return "## Changes\n\n" + (lines.isEmpty ? "None are recorded.\n" : lines.joined())
    }
}

extension String {
    func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
