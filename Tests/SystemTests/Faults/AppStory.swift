import LabPostgres

/// The events of one app in the order in which they were recorded, checked against what can have happened.
struct AppStory {
    private enum Line: Equatable {
        case neverSeen
        case online(generation: Int64)
        case offline
    }

    let name: String
    private var line = Line.neverSeen
    private(set) var counts: [String: Int] = [:]
    /// What cannot be: effects that happened twice, or in an order that no app can go through.
    private(set) var contradictions: [String] = []

    init(name: String) {
        self.name = name
    }

    var isOnline: Bool { if case .online = line { true } else { false } }

    mutating func add(_ type: String, generation: Int64?) {
        counts[type, default: 0] += 1
        if type != "app.removed", counts["app.removed"] != nil { contradict("\(type) after its removal") }
        switch type {
        case "app.online":
            if line == .online(generation: generation ?? 0) {
                contradict("online twice, generation \(generation ?? 0)")
            }
            line = .online(generation: generation ?? 0)
        case "app.offline":
            if !isOnline { contradict("offline without having been online") }
            line = .offline
        default:
            break
        }
    }

    private mutating func contradict(_ words: String) { contradictions.append("\(name): \(words)") }

    /// The stories of all apps.
    static func all(_ postgres: PostgresClient) async throws -> [String: AppStory] {
        var stories: [String: AppStory] = [:]
        let rows = try await postgres.query(
            """
            select name, type, (payload ->> 'generation')::bigint from lab.event where kind = 'App' order by sequence
            """)
        for row in rows {
            let (name, type, generation) = try row.decode((String, String, Int64?).self)
            stories[name, default: AppStory(name: name)].add(type, generation: generation)
        }
        return stories
    }
}
