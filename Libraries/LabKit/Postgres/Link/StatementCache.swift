/// The statements that a connection has prepared, by their text and their parameters' types.
///
/// When there are too many, the one that was used longest ago is given up; the server is told with the next new one.
struct StatementCache {
    private struct Entry {
        var name: String
        var types: [PostgresType]
        var lastUse: UInt64
    }

    let limit: Int
    private var entries: [String: Entry] = [:]
    private var uses: UInt64 = 0
    private var made: UInt64 = 0
    /// Names that the server still knows and nobody uses.
    private(set) var abandoned: [String] = []

    init(limit: Int = 200) {
        self.limit = limit
    }

    var count: Int { entries.count }

    /// The name of a statement that was prepared for this query.
    mutating func name(for query: PostgresQuery) -> String? {
        guard let index = entries.index(forKey: query.sql) else { return nil }
        let entry = entries.values[index]
        guard entry.types.count == query.parameters.count else { return nil }
        for position in entry.types.indices where entry.types[position] != query.parameters[position].type {
            return nil
        }
        uses += 1
        entries.values[index].lastUse = uses
        return entry.name
    }

    /// Makes a name for a query that is being prepared.
    mutating func add(_ query: PostgresQuery) -> String {
        if entries[query.sql] == nil, entries.count >= limit,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
        {
            remove(oldest)
        }
        // The same text with other types: the newer one is kept.
        remove(query.sql)
        uses += 1
        made += 1
        let name = "s\(made)"
        entries[query.sql] = Entry(name: name, types: query.parameters.map(\.type), lastUse: uses)
        return name
    }

    /// Gives a statement up.
    mutating func remove(_ sql: String) {
        if let entry = entries.removeValue(forKey: sql) { abandoned.append(entry.name) }
    }

    /// Forgets a statement that the server does not know: preparing it failed.
    mutating func forget(_ sql: String, name: String) {
        if entries[sql]?.name == name { entries.removeValue(forKey: sql) }
    }

    /// The server has been asked to forget these.
    mutating func takeAbandoned() -> [String] {
        defer { abandoned = [] }
        return abandoned
    }

    /// The server could not forget it, in a failed transaction.
    mutating func stillAbandoned(_ name: String) {
        abandoned.append(name)
    }
}
