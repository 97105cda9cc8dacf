import FoundationEssentials
import LabCore
import LabPostgres
import LabState

/// Which apps are declared with which hosts.
struct HostHolders: Sendable {
    struct Holder: Sendable, Hashable {
        let name: ResourceName
        let createdAt: Date
    }

    let store: ResourceStore
    let names: LabNames

    /// The apps with these hosts that are not being removed, the earliest first: to it the host belongs.
    func holders(of hosts: [Hostname]) async throws -> [Hostname: [Holder]] {
        let texts = hosts.map(\.text)
        let suffix = "." + names.domain.text
        let rows = try await store.postgres.query(
            """
            select name, coalesce(spec ->> 'host', name || \(suffix)::text), created_at from lab.resource
            where kind = \(App.name) and deleted_at is null
                and coalesce(spec ->> 'host', name || \(suffix)::text) = any(\(texts)::text[])
            order by created_at, name collate "C"
            """)
        let holders = try rows.map { row in
            let (name, host, createdAt) = try row.decode((String, String, Date).self)
            return (host: try Hostname(host), holder: Holder(name: try ResourceName(name), createdAt: createdAt))
        }
        return Dictionary(grouping: holders, by: \.host).mapValues { $0.map(\.holder) }
    }
}
