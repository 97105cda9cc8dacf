public import LabCore

/// What a subscription asks for (MQTT 5, 4.7 and 4.8.2): a topic whose levels may be `+`, whose last level may be `#`,
/// and which may begin with `$share/<group>/` to share its messages among the group's members.
public struct MQTTTopicFilter: ValidatedText {
    public let text: String
    /// The group of a shared subscription.
    public let shareGroup: String?
    /// The filter without `$share/<group>/`.
    private let pattern: String

    public init(_ text: String) throws(InvalidText) {
        try TopicRules.checkText(text, what: "filter")
        self.text = text
        if text == "$share" || text.hasPrefix("$share/") {
            let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, !parts[1].isEmpty, !parts[2].isEmpty,
                !parts[1].contains("+"), !parts[1].contains("#")
            else {
                throw InvalidText(
                    "“\(text)” is not a shared subscription",
                    remedy: "Write $share/<group>/<filter>, the group a plain name")
            }
            shareGroup = String(parts[1])
            pattern = String(parts[2])
        } else {
            shareGroup = nil
            pattern = text
        }
        try Self.checkWildcards(pattern)
    }

    /// The filter that matches this topic alone.
    public init(_ topic: MQTTTopic) {
        text = topic.text
        pattern = topic.text
        shareGroup = nil
    }

    /// Whether a message published to `topic` reaches a subscription with this filter. `#` also matches the level above
    /// it, and no wildcard in first place matches a topic that begins with `$`.
    public func matches(_ topic: MQTTTopic) -> Bool {
        var filter = pattern.utf8[...]
        var rest = topic.text.utf8[...]
        if rest.first == UInt8(ascii: "$"), let first = filter.first, first == Self.one || first == Self.all {
            return false
        }
        while true {
            let level = filter.prefix { $0 != TopicRules.separator }
            if level.count == 1, level.first == Self.all { return true }
            let name = rest.prefix { $0 != TopicRules.separator }
            let isAnyName = level.count == 1 && level.first == Self.one
            guard isAnyName || level.elementsEqual(name) else { return false }
            filter = filter[level.endIndex...]
            rest = rest[name.endIndex...]
            switch (filter.isEmpty, rest.isEmpty) {
            case (true, true): return true
            case (false, true): return filter.elementsEqual("/#".utf8)
            case (true, false): return false
            case (false, false):
                filter = filter.dropFirst()
                rest = rest.dropFirst()
            }
        }
    }

    /// Whether every topic that `other` matches is matched by this filter too.
    func covers(_ other: MQTTTopicFilter) -> Bool {
        guard shareGroup == other.shareGroup else { return false }
        let mine = pattern.split(separator: "/", omittingEmptySubsequences: false)
        let theirs = other.pattern.split(separator: "/", omittingEmptySubsequences: false)
        if theirs[0].hasPrefix("$"), mine[0] == "#" || mine[0] == "+" { return false }
        for (index, level) in mine.enumerated() {
            if level == "#" { return true }
            guard index < theirs.count, level == "+" ? theirs[index] != "#" : level == theirs[index] else {
                return false
            }
            if index + 1 == theirs.count, mine.count == index + 2, mine[index + 1] == "#" { return true }
        }
        return mine.count == theirs.count
    }

    private static let one = UInt8(ascii: "+")
    private static let all = UInt8(ascii: "#")

    private static func checkWildcards(_ pattern: String) throws(InvalidText) {
        let levels = pattern.utf8.split(separator: TopicRules.separator, omittingEmptySubsequences: false)
        for (index, level) in levels.enumerated() {
            let isAlone = level.count == 1
            if level.contains(one), !isAlone {
                throw InvalidText(
                    "“\(pattern)” has a “+” beside other characters", remedy: "“+” stands for a whole level")
            }
            if level.contains(all), !isAlone || index != levels.count - 1 {
                throw InvalidText(
                    "“\(pattern)” has a “#” that is not the last level", remedy: "“#” ends a filter: a/b/#")
            }
        }
    }
}
