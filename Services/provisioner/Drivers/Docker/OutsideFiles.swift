import LabCore
import LabService
import LabYAML

/// The files that Compose itself would read, or hand to containers, from outside of an app's folder: from where the
/// provisioner runs, not from where the file was written.
enum OutsideFiles {
    /// What a Compose file and the files that it includes name before they are rendered, when Compose reads it.
    ///
    /// - Parameter files: what lies beside it.
    static func read(by text: String, _ files: [String: String]) -> [String] {
        var outside: [String] = []
        var waiting = [text]
        var seen: Set<String> = []
        while let next = waiting.popLast() {
            guard let document = (try? YAMLText.documents(next))?.first else { continue }
            var included: [String] = []
            for item in list(document["include"]) {
                included += strings(item["path"] ?? item)
                outside += (strings(item["env_file"]) + strings(item["project_directory"])).filter(isOutside)
            }
            for service in (document["services"]?.objectValue ?? [:]).values {
                included += strings(service["extends"]?["file"])
                let named = list(service["env_file"]).flatMap { strings($0["path"] ?? $0) }
                outside += (named + strings(service["label_file"])).filter(isOutside)
            }
            outside += included.filter(isOutside)
            for name in included where seen.insert(name).inserted {
                let path = name.hasPrefix("./") ? String(name.dropFirst(2)) : name
                if let text = files[path] { waiting.append(text) }
            }
        }
        return outside.uniqued()
    }

    /// The sources of secrets and configs of a rendered file that lie outside of a folder.
    static func mounted(by document: JSONValue, outside directory: String) -> [String] {
        ["secrets", "configs"].flatMap { kind in
            (document[kind]?.objectValue ?? [:]).values.compactMap { $0["file"]?.stringValue }
        }.filter { $0 != directory && !$0.hasPrefix(directory + "/") }.sorted()
    }

    /// Whether a path leads out of the folder that it begins in.
    static func isOutside(_ path: String) -> Bool {
        guard !path.hasPrefix("/"), !path.hasPrefix("~") else { return true }
        var depth = 0
        for segment in path.split(separator: "/") where segment != "." {
            depth += segment == ".." ? -1 : 1
            if depth < 0 { return true }
        }
        return false
    }

    /// One or many.
    private static func list(_ value: JSONValue?) -> [JSONValue] {
        guard let value else { return [] }
        return value.arrayValue ?? [value]
    }

    private static func strings(_ value: JSONValue?) -> [String] { list(value).compactMap(\.stringValue) }
}

extension Array where Element: Hashable {
    fileprivate func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
