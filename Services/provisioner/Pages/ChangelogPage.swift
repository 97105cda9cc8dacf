import FoundationEssentials
import LabCore
import LabState

/// The lab's change log: what was declared, came online, went offline and was removed, by days, newest first.
struct ChangelogPage: Sendable, Hashable {
    /// How many changes the page tells, at the most.
    static let limit = 500

    /// Newest first.
    let changes: [Change]

    var text: String {
        var text = FrontMatter.text([("title", "Change log of the lab")]) + "\n# Change log\n"
        if changes.isEmpty { text += "\nNothing has happened yet.\n" }
        var day = ""
        for change in changes.prefix(Self.limit) {
            let its = Markdown.day(change.at)
            if its != day {
                text += "\n## \(its)\n\n"
                day = its
            }
            let time = Markdown.time(change.at).dropFirst(11)
            text +=
                "- \(time) \(change.subject.kind) **\(Markdown.inline(change.subject.name.text))** "
                + "\(Markdown.inline(change.text))\n"
        }
        if changes.count >= Self.limit { text += "\nOlder changes are left out.\n" }
        return text
    }
}
