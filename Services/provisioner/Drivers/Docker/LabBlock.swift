import LabCore
import LabService
import LabYAML

/// The `x-lab` block of a Compose file: what the lab needs to know that Compose has no word for. Every field may be
/// missing.
struct LabBlock: Sendable, Hashable {
    /// Where people reach the app.
    struct Exposure: Sendable, Hashable {
        var host: String?
        var service: String?
        var port: Int?
        var scheme: String?
        var path: String?
    }

    /// What the machine should have.
    struct Requirements: Sendable, Hashable {
        /// In bytes.
        var memory: Int64?
        /// In bytes, where volumes lie.
        var disk: Int64?
        var cores: Int?
        /// Device files such as `/dev/dri`.
        var devices: [String] = []
        /// Other apps that it is of use with.
        var apps: [String] = []
    }

    var title: String?
    var summary: String?
    var category: String?
    var notes: String?
    var access: String?
    var drift: String?
    var expose = Exposure()
    /// Whether people reach the app by HTTP; false for `expose: none`.
    var isExposed = true
    /// The variables that the lab makes secrets for.
    var secrets: [String] = []
    /// What holds what cannot be got again: named volumes, and folders beside the file (`./config`); nil for all of the
    /// named volumes.
    var backup: [String]?
    var requirements = Requirements()
    /// What the file may do although it reaches beyond its containers.
    var allow: Set<Allowance> = []

    /// The block of a Compose file that was not rendered; nil where the file has none, or is not YAML. Of several
    /// documents the last one counts, as it does for Compose.
    static func value(in compose: String) -> JSONValue? {
        (try? YAMLText.documents(compose))?.lazy.compactMap { $0["x-lab"] }.last
    }

    /// Reads the block.
    ///
    /// - Throws: a problem at `/body/compose` that names every key that is not known, with the nearest one that is.
    init(_ value: JSONValue?) throws {
        guard let value, value != .null else { return }
        var reader = LabBlockReader(value)
        title = reader.text("title")
        summary = reader.text("summary")
        category = reader.text("category")
        notes = reader.text("notes")
        access = reader.choice("access", of: AppAccess.allCases.map(\.rawValue))
        drift = reader.choice("drift", of: DriftPolicy.allCases.map(\.rawValue))
        let exposure = reader.value("expose")
        isExposed = exposure != .string("none")
        if let nested = exposure, isExposed {
            var exposed = LabBlockReader(nested, path: "x-lab.expose")
            expose.host = exposed.text("host")
            expose.service = exposed.text("service")
            expose.port = exposed.number("port", in: 1...65_535)
            expose.scheme = exposed.choice("scheme", of: ["http", "https"])
            expose.path = exposed.text("path")
            reader.add(exposed.finish())
        }
        // Compose writes an empty list out as null.
        let saysBackup = reader.has("backup")
        let kept = reader.texts("backup").filter { $0 != "none" }
        backup = saysBackup ? kept : nil
        if let nested = reader.value("requirements") {
            var needs = LabBlockReader(nested, path: "x-lab.requirements")
            requirements.memory = needs.bytes("memory")
            requirements.disk = needs.bytes("disk")
            requirements.cores = needs.number("cores", in: 1...1024)
            requirements.devices = needs.texts("devices")
            requirements.apps = needs.texts("apps")
            reader.add(needs.finish())
        }
        for word in reader.texts("allow") {
            if let allowance = Allowance(rawValue: word) {
                allow.insert(allowance)
            } else {
                reader.refuse("allow", "“\(word)” is not known", nearest: word, Allowance.allCases.map(\.rawValue))
            }
        }
        for name in reader.texts("secrets") {
            if (try? SecretName(name)) != nil { secrets.append(name) } else { reader.refuseName("secrets", name) }
        }
        let fields = reader.finish()
        guard fields.isEmpty else { throw Problem.invalid(fields) }
    }
}

/// Takes the known keys out of a block, and says what is wrong with it and which keys are left.
private struct LabBlockReader {
    private let path: String
    private var members: [String: JSONValue] = [:]
    private var known: [String] = []
    private var fields: [Problem.Field] = []

    init(_ value: JSONValue, path: String = "x-lab") {
        self.path = path
        if let members = value.objectValue {
            self.members = members
        } else {
            fields.append(
                .init(
                    "/body/compose", "\(path) is \(value.typeName), not a mapping", remedy: "Write “key: value” lines"))
        }
    }

    private mutating func take(_ key: String) -> JSONValue? {
        known.append(key)
        guard let value = members.removeValue(forKey: key), value != .null else { return .none }
        return value
    }

    mutating func text(_ key: String) -> String? {
        switch take(key) {
        case nil: return nil
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .number(let number): return String(number)
        case .some(let value):
            fields.append(
                .init("/body/compose", "\(path).\(key) is \(value.typeName), not a text", remedy: "Give one text"))
            return nil
        }
    }

    mutating func choice(_ key: String, of words: [String]) -> String? {
        guard let word = text(key) else { return nil }
        guard words.contains(word) else {
            refuse(key, "“\(word)” is none of \(words.joined(separator: ", "))", nearest: word, words)
            return nil
        }
        return word
    }

    mutating func number(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = take(key) else { return nil }
        let number = value.intValue.map(Int.init) ?? value.stringValue.flatMap { Int($0) }
        guard let number, range.contains(number) else {
            fields.append(
                .init(
                    "/body/compose", "\(path).\(key) is not a number from \(range.lowerBound) to \(range.upperBound)",
                    remedy: "Give such a number"))
            return nil
        }
        return number
    }

    func has(_ key: String) -> Bool { members[key] != nil }
    mutating func value(_ key: String) -> JSONValue? { take(key) }

    /// Bytes as Compose writes them: `512m`, `2g`, `1.5gb`, a number; with b, k, m, g or t, each 1024 of the one before.
    mutating func bytes(_ key: String) -> Int64? {
        guard let text = text(key) else { return nil }
        let digits = text.prefix { $0.isNumber || $0 == "." }
        let unit = text.dropFirst(digits.count).lowercased()
        let powers = ["": 0, "b": 0, "k": 1, "kb": 1, "m": 2, "mb": 2, "g": 3, "gb": 3, "t": 4, "tb": 4]
        guard let number = Double(digits), number > 0, let power = powers[unit] else {
            fields.append(
                .init(
                    "/body/compose", "\(path).\(key): “\(text)” is not a size",
                    remedy: "Write it as Compose does, such as 512m or 2g"))
            return nil
        }
        let size = (0..<power).reduce(number) { size, _ in size * 1024 }
        return size < 1e18 ? Int64(size) : nil
    }

    mutating func texts(_ key: String) -> [String] {
        switch take(key) {
        case nil: return []
        case .string(let text): return [text]
        case .array(let values) where values.allSatisfy({ $0.stringValue != nil }):
            return values.compactMap(\.stringValue)
        case .some(let value):
            fields.append(
                .init(
                    "/body/compose", "\(path).\(key) is \(value.typeName), not a list", remedy: "Give a list of words"))
            return []
        }
    }

    mutating func refuse(_ key: String, _ detail: String, nearest word: String, _ words: [String]) {
        let near = SpellingDistance.nearest(to: word, among: words).map { "Did you mean “\($0)”?" }
        fields.append(
            .init(
                "/body/compose", "\(path).\(key): \(detail)",
                remedy: near ?? "Use one of \(words.joined(separator: ", "))"))
    }

    mutating func refuseName(_ key: String, _ name: String) {
        fields.append(
            .init(
                "/body/compose", "\(path).\(key): “\(name)” is not the name of a variable for a secret",
                remedy: "Use capital letters, digits and “_”, such as DATABASE_PASSWORD"))
    }

    mutating func add(_ others: [Problem.Field]) { fields += others }

    /// What is wrong, the keys included that nobody took.
    func finish() -> [Problem.Field] {
        fields
            + members.keys.sorted().map { key in
                let near = SpellingDistance.nearest(to: key, among: known).map { "Did you mean “\($0)”?" }
                return .init(
                    "/body/compose", "\(path) has the unknown key “\(key)”",
                    remedy: near ?? "The keys are \(known.joined(separator: ", "))")
            }
    }
}
