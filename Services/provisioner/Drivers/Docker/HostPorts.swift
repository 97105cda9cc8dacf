import LabCore
import LabPostgres
import LabState

/// Looks whether ports that an app wants are free, before anything is started for it.
struct HostPorts: Sendable {
    let postgres: PostgresClient
    let engine: DockerEngine
    let settings: DockerSettings

    /// Why a port cannot be had, in a sentence each.
    ///
    /// - Parameter wanted: the ports with the services that want them.
    func refusals(of wanted: [(service: String, port: HostPort)], for app: AppName) async throws -> [Problem.Field] {
        guard !wanted.isEmpty else { return [] }
        let declared = try await declared()
        let own = declared[app.text] ?? []
        let published = await published(besides: app)
        let unknown = wanted.map(\.port).filter { port in
            !declared.values.contains { $0.contains { $0.overlaps(port) } }
                && !published.contains { $0.port.overlaps(port) }
        }
        let taken = try await taken(of: unknown)
        return wanted.compactMap { service, port in
            let holders = declared.filter { $0.key != app.text && $0.value.contains { $0.overlaps(port) } }.keys
            let reason: String
            if let other = holders.min() {
                reason = "belongs to App \(other)"
            } else if own.contains(where: { $0.overlaps(port) }) {
                return nil
            } else if let container = published.first(where: { $0.port.overlaps(port) }) {
                reason = "is published by the container \(container.name)"
            } else if taken.contains(port) {
                reason = "is taken by something else on this machine"
            } else {
                return nil
            }
            return .init(
                "/body/compose", "the port \(port.text) of the host, which the service “\(service)” wants, \(reason)",
                remedy: "Give another one, or leave “ports:” out: the proxy reaches the app without it")
        }
    }

    /// Those that a program of this machine listens on. A provisioner in a container cannot see that from where it is.
    private func taken(of ports: [HostPort]) async throws -> Set<HostPort> {
        guard !ports.isEmpty else { return [] }
        guard settings.network != nil else { return Set(ports.filter { !$0.isFree }) }
        let answer = try await engine.runOwn(
            ["setup", "taken-ports"] + ports.map(\.text), .init(network: "host"), within: .seconds(30))
        return Set(
            (answer?.standardOutput ?? "").split(whereSeparator: \.isNewline).compactMap { HostPort(String($0)) })
    }

    /// What containers publish that are not of the app, with their names. An engine that does not answer is told later.
    private func published(besides app: AppName) async -> [(name: String, port: HostPort)] {
        let containers = (try? await engine.runningContainers()) ?? []
        return containers.filter { $0.labels["com.docker.compose.project"] != settings.project(of: app) }
            .flatMap { container in
                (container.ports ?? []).compactMap { port in
                    port.published.map {
                        (container.name, HostPort(number: $0, isTCP: port.kind == "tcp", address: port.address))
                    }
                }
            }
    }

    /// The ports of the host that the containers of each app have.
    private func declared() async throws -> [String: Set<HostPort>] {
        let rows = try await postgres.query(
            """
            select app, status, document::text from provisioner.release as r
            where status = 'live' or status in ('starting', 'failed')
                and number = (select max(number) from provisioner.release where app = r.app)
            """)
        var ports: [String: Set<HostPort>] = [:]
        for row in rows {
            let (app, status, text) = try row.decode((String, String, String).self)
            let document = try JSONText(trusted: text).decode(JSONValue.self)
            // One that did not come up has its ports only where it was left standing.
            if status == "failed", FailureAction(of: document) == .rollback { continue }
            let project = try? ComposeProject(document)
            ports[app, default: []].formUnion(project?.hostPorts.map(\.port) ?? [])
        }
        for row in try await postgres.query("select app, port from provisioner.exposure") {
            let (app, port) = try row.decode((String, Int32).self)
            ports[app, default: []].insert(HostPort(number: Int(port), isTCP: true, address: "127.0.0.1"))
        }
        return ports
    }
}

extension ComposeProject {
    /// The ports of the host that its services publish at a number of their own.
    var hostPorts: [(service: String, port: HostPort)] {
        services.flatMap { service in
            service.ports.compactMap { port in
                port.published.map { (service.name, HostPort(number: $0, isTCP: port.isTCP, address: port.address)) }
            }
        }
    }
}
