import FoundationEssentials
import LabCore
import LabPostgres
import LabState

/// The changes that the recorded events tell of.
struct ChangeLog: Sendable {
    let store: ResourceStore

    /// The newest changes of the whole lab, or of one app, newest first.
    func latest(about key: ResourceKey? = nil, limit: Int) async throws -> [Change] {
        let kind = key?.kind
        let name = key?.name.text
        let rows = try await store.postgres.query(
            """
            select type, kind, name, payload, occurred_at from lab.event
            where split_part(type, '.', 2) = any(\(Change.told)::text[]) and kind is not null
                and (\(kind)::text is null or (kind = \(kind) and name = \(name)))
            order by sequence desc limit \(Int64(limit))
            """)
        return try rows.map { row in
            let (type, kind, name, payload, at) = try row.decode((String, String, String, String, Date).self)
            return Change(
                type: type, subject: ResourceKey(kind: kind, name: try ResourceName(name)), payload: payload, at: at)
        }.compactMap { $0 }
    }

    /// The newest changes of each of some apps, newest first.
    func latest(ofApps names: [ResourceName], limit: Int = 30) async throws -> [ResourceName: [Change]] {
        let texts = names.map(\.text)
        let rows = try await store.postgres.query(
            """
            select e.type, n.name, e.payload, e.occurred_at
            from unnest(\(texts)::text[]) as n (name)
            cross join lateral (
                select type, payload, occurred_at, sequence from lab.event
                where kind = \(App.name) and name = n.name
                    and split_part(type, '.', 2) = any(\(Change.told)::text[])
                order by sequence desc limit \(Int64(limit))
            ) as e
            order by e.sequence desc
            """)
        let found = try rows.map { row in
            let (type, name, payload, at) = try row.decode((String, String, String, Date).self)
            let key = App.key(try ResourceName(name))
            return (name: key.name, change: Change(type: type, subject: key, payload: payload, at: at))
        }
        return Dictionary(grouping: found, by: \.name).mapValues { $0.compactMap(\.change) }
    }
}
