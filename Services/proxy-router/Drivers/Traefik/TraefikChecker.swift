import LabCore

/// Checks a dynamic configuration the way Traefik would judge it, and more strictly where Traefik is silent.
///
/// It runs before a document is served, because Traefik refuses a whole document for one fault, and logs that once.
enum TraefikChecker {
    /// A fault and its place, a JSON Pointer.
    struct Fault: Error, Sendable, Hashable, CustomStringConvertible {
        let place: String
        let detail: String

        var description: String { "\(place.isEmpty ? "the document" : place): \(detail)" }
    }

    /// - Throws: the first ``Fault``.
    static func check(_ document: JSONValue) throws(Fault) {
        guard let sections = document.objectValue else {
            throw Fault(place: "", detail: "it is \(document.typeName), not an object")
        }
        guard !sections.isEmpty else {
            throw Fault(place: "", detail: "it is empty, which makes Traefik drop every route")
        }
        for (name, value) in sections.sorted(by: { $0.key < $1.key }) {
            // Traefik ignores an unknown section in silence, which is worse than refusing it.
            guard let shape = TraefikShape.document[name] else {
                throw Fault(place: "/\(name)", detail: "there is no such section")
            }
            try check(value, shape, at: "/\(name)")
        }
        try checkNames(sections)
        try checkRules(document)
        try checkServices(document)
    }

    private static func check(_ value: JSONValue, _ shape: TraefikShape, at place: String) throws(Fault) {
        switch shape {
        case .text:
            guard let text = value.stringValue else { throw wrong(value, "a string", place) }
            // The file provider runs every file as a Go template first.
            guard !text.contains("{{") else { throw Fault(place: place, detail: "it has “{{”, which is code") }
        case .boolean:
            guard value.boolValue != nil else { throw wrong(value, "a boolean", place) }
        case .integer:
            guard value.intValue != nil else { throw wrong(value, "an integer", place) }
        case .duration:
            guard value.intValue != nil || value.stringValue.map(isDuration) == true else {
                throw wrong(value, "a duration such as 5s", place)
            }
        case .list(let element):
            guard let values = value.arrayValue else { throw wrong(value, "an array", place) }
            guard !values.isEmpty else { throw Fault(place: place, detail: "it is an empty array; leave it out") }
            for (index, value) in values.enumerated() { try check(value, element, at: "\(place)/\(index)") }
        case .named(let element):
            for (name, value) in try members(value, at: place) {
                guard isName(name) else {
                    throw Fault(place: place, detail: "“\(name)” cannot be a name: it is empty or has “@” or “{{”")
                }
                try check(value, element, at: "\(place)/\(name)")
            }
        case .object(let fields, let required, let mayBeEmpty):
            try check(value, fields, required: required, mayBeEmpty: mayBeEmpty, at: place)
        case .oneOf(let kinds, let others):
            let present = try members(value, at: place).map(\.0).filter { kinds[$0] != nil }
            guard present.count == 1 else {
                let list = present.isEmpty ? "none" : present.joined(separator: " and ")
                throw Fault(place: place, detail: "it has \(list) of the kinds that it may have one of")
            }
            try check(value, kinds.merging(others) { $1 }, required: [], mayBeEmpty: false, at: place)
        case .anything:
            break
        }
    }

    private static func check(
        _ value: JSONValue, _ fields: [String: TraefikShape], required: Set<String>, mayBeEmpty: Bool, at place: String
    ) throws(Fault) {
        if mayBeEmpty, value.objectValue?.isEmpty == true { return }
        let members = try members(value, at: place)
        for (name, value) in members {
            guard let shape = fields[name] else {
                throw Fault(place: "\(place)/\(name)", detail: "there is no such field")
            }
            try check(value, shape, at: "\(place)/\(name)")
        }
        for name in required.sorted() where value[name] == nil {
            throw Fault(place: "\(place)/\(name)", detail: "the field is missing")
        }
    }

    /// The members in order; refuses an empty object, for which Traefik refuses the whole document.
    private static func members(_ value: JSONValue, at place: String) throws(Fault) -> [(String, JSONValue)] {
        guard let members = value.objectValue else { throw wrong(value, "an object", place) }
        guard !members.isEmpty else {
            throw Fault(place: place, detail: "it is an empty object, which cannot be a standalone element")
        }
        return members.sorted { $0.key < $1.key }
    }

    private static func wrong(_ value: JSONValue, _ wanted: String, _ place: String) -> Fault {
        Fault(place: place, detail: "it is \(value.typeName), not \(wanted)")
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && !name.contains("@") && !name.contains("{{")
    }

    /// Go's `time.ParseDuration`, or digits alone.
    private static func isDuration(_ text: String) -> Bool {
        var rest = text[...]
        if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
        guard !rest.isEmpty else { return false }
        if rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return true }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest[number.endIndex...]
            let unit = rest.prefix { $0.isLetter }
            rest = rest[unit.endIndex...]
            guard Double(number) != nil, ["ns", "us", "µs", "ms", "s", "m", "h"].contains(String(unit)) else {
                return false
            }
        }
        return true
    }
}
