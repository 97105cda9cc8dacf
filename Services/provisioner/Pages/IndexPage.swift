import FoundationEssentials
import LabCore
import LabService
import LabState

/// The page of all apps.
struct IndexPage: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        let name: AppName
        let title: String
        let host: Hostname
        let category: String?
        let summary: String?
        let online: Condition.Status
        /// Whether its page exists, so that it can be linked.
        let hasPage: Bool
        var httpsPort = 443
    }

    let entries: [Entry]

    var text: String {
        let groups = Dictionary(grouping: entries) { $0.category ?? "" }
        let count = entries.count == 1 ? "One app is" : "\(entries.count) apps are"
        var parts = [
            FrontMatter.text([("title", "Apps of the lab")]),
            "# Apps\n",
            entries.isEmpty
                ? "Nothing is declared yet.\n" : "\(count) declared; see also the [change log](changelog.md).\n",
        ]
        for (category, entries) in groups.sorted(by: { Self.order($0.key) < Self.order($1.key) }) {
            if groups.count > 1 || !category.isEmpty {
                parts.append("## \(category.isEmpty ? "Without a category" : Markdown.inline(category))\n")
            }
            parts.append(
                Markdown.table(
                    ["App", "Address", "Online", "What it is"],
                    entries.sorted { $0.name < $1.name }.map { entry in
                        let title = Markdown.inline(entry.title)
                        return [
                            entry.hasPage ? "[\(title)](services/\(entry.name).md)" : title,
                            "[\(entry.host)](\(entry.host.httpsURL(port: entry.httpsPort)))", Self.word(entry.online),
                            Markdown.inline(entry.summary ?? ""),
                        ]
                    }))
        }
        return parts.joined(separator: "\n")
    }

    /// Categories by name, apps without one after them, the platform last.
    private static func order(_ category: String) -> String {
        switch category {
        case PlatformApps.category: "2"
        case "": "1"
        default: "0" + category
        }
    }

    private static func word(_ status: Condition.Status) -> String {
        switch status {
        case .true: "yes"
        case .false: "no"
        case .unknown: "not known"
        }
    }
}
