import LabCore
import LabService

/// A rendered Compose file, as far as the lab needs to know it.
struct ComposeProject: Sendable {
    struct Service: Sendable {
        let name: String
        let image: String?
        let isBuilt: Bool
        /// Whether its image comes from a registry: it is not built, and does not say `pull_policy: never`.
        let isPulled: Bool
        /// Such as `linux/arm64`; nil for the machine's own.
        let platform: String?
        let isPrivileged: Bool
        let networkMode: String?
        /// TCP ports of the container that are published or exposed, in the file's order.
        let ports: [Port]
        let hostPaths: [String]
        let hasHealthCheck: Bool
    }

    struct Port: Sendable, Hashable {
        let target: Int
        /// The port of the host; nil for one that is only exposed, or that the engine chooses.
        let published: Int?
        let address: String?
        let isTCP: Bool
    }

    /// What people reach.
    struct Exposure: Sendable, Hashable {
        let service: String
        let port: Int
        let scheme: String
    }

    let document: JSONValue
    let services: [Service]
    let block: LabBlock
    /// What holds what cannot be got again: named volumes, and folders beside the file.
    let backup: [String]

    /// - Throws: a problem at `/body/compose` for what the lab cannot take.
    init(_ document: JSONValue) throws {
        self.document = document
        block = try LabBlock(document["x-lab"])
        try FailureAction.check(document)
        services = (document["services"]?.objectValue ?? [:]).sorted { $0.key < $1.key }.map { Service($0, $1) }
        guard !services.isEmpty else {
            throw Problem.invalid(
                "/body/compose", "the file has no service that is to run",
                remedy: "Declare one under “services:”; of those with “profiles:” the ones run that COMPOSE_PROFILES "
                    + "names in a file .env beside it")
        }
        let volumes = (document["volumes"]?.objectValue ?? [:]).keys.sorted()
        backup = block.backup ?? volumes
        for name in backup where !name.hasPrefix("./") && !volumes.contains(name) {
            let near = SpellingDistance.nearest(to: name, among: volumes).map { "Did you mean “\($0)”?" }
            throw Problem.invalid(
                "/body/compose", "x-lab.backup names “\(name)”, and there is no such volume",
                remedy: near ?? "Give named volumes of the file, or folders beside it such as ./config")
        }
    }

    /// What the image of a service is called: as the file says, or as Compose calls one that it builds.
    func imageReference(of service: Service, in project: String) -> String {
        service.image ?? "\(project)-\(service.name)".lowercased()
    }

    func usesHostNetwork(_ service: String) -> Bool {
        services.contains { $0.name == service && $0.networkMode == "host" }
    }

    /// Where the proxy finds the app: what the block says, and else the likeliest; nil where it is not to be reached.
    ///
    /// - Throws: a problem where nothing can be exposed.
    func exposure() throws -> Exposure? {
        guard block.isExposed else { return nil }
        let scheme = block.expose.scheme
        if let name = block.expose.service {
            guard let service = services.first(where: { $0.name == name }) else {
                let near = SpellingDistance.nearest(to: name, among: services.map(\.name)).map {
                    "Did you mean “\($0)”?"
                }
                throw Problem.invalid(
                    "/body/compose", "x-lab.expose.service is “\(name)”, and there is no such service",
                    remedy: near ?? "The services are \(services.map(\.name).joined(separator: ", "))")
            }
            guard let port = block.expose.port ?? service.likeliestPort else { throw Self.noPort(of: service.name) }
            return Exposure(service: name, port: port, scheme: scheme ?? Self.scheme(of: port))
        }
        if let port = block.expose.port {
            let service =
                services.first { $0.ports.contains { $0.target == port } } ?? (services.count == 1 ? services[0] : nil)
            guard let service else {
                throw Problem.invalid(
                    "/body/compose", "x-lab.expose names the port \(port), and no service has it",
                    remedy: "Add x-lab.expose.service")
            }
            return Exposure(service: service.name, port: port, scheme: scheme ?? Self.scheme(of: port))
        }
        // A service that publishes a port is meant to be reached; of several, the one whose port is the likeliest.
        let candidates = services.compactMap { service in service.likeliestPort.map { (service, $0) } }
        let published = candidates.filter { $0.0.ports.contains { $0.published != nil } }
        let best = (published.isEmpty ? candidates : published).min { Self.rank(of: $0.1) < Self.rank(of: $1.1) }
        guard let best else {
            // Nothing of it is meant to be reached, unless the block says that something is.
            guard block.expose == LabBlock.Exposure() else { throw Self.noPort(of: nil) }
            return nil
        }
        return Exposure(service: best.0.name, port: best.1, scheme: scheme ?? Self.scheme(of: best.1))
    }

    private static func noPort(of service: String?) -> Problem {
        .invalid(
            "/body/compose",
            "nothing says which port \(service.map { "of the service “\($0)” " } ?? "")people reach it at",
            remedy: "Add x-lab: {expose: {service: …, port: …}}, or “expose:” to the service")
    }

    private static func scheme(of port: Int) -> String { port == 443 || port == 8443 ? "https" : "http" }

    /// Ports that web pages usually have come first.
    fileprivate static func rank(of port: Int) -> Int {
        let usual = [80, 8080, 3000, 8000, 8096, 5000, 8081, 8888, 9000, 443, 8443]
        return usual.firstIndex(of: port) ?? usual.count
    }
}

extension ComposeProject.Service {
    fileprivate init(_ name: String, _ value: JSONValue) {
        self.name = name
        image = value["image"]?.stringValue
        isBuilt = value["build"].map { $0 != .null } ?? false
        isPulled = !isBuilt && !["never", "build"].contains(value["pull_policy"]?.stringValue ?? "")
        platform = value["platform"]?.stringValue
        isPrivileged = value["privileged"]?.boolValue ?? false
        networkMode = value["network_mode"]?.stringValue
        hasHealthCheck = value["healthcheck"].map { $0 != .null && $0["disable"]?.boolValue != true } ?? false
        var ports = (value["ports"]?.arrayValue ?? []).compactMap { port -> ComposeProject.Port? in
            guard let target = port["target"]?.intValue else { return nil }
            let published =
                port["published"]?.stringValue.flatMap { Int($0) } ?? port["published"]?.intValue.map(Int.init)
            return .init(
                target: Int(target), published: published, address: port["host_ip"]?.stringValue,
                isTCP: (port["protocol"]?.stringValue ?? "tcp") == "tcp")
        }
        for exposed in value["expose"]?.arrayValue ?? [] {
            let parts = (exposed.stringValue ?? exposed.intValue.map { String($0) } ?? "").split(separator: "/")
            guard let first = parts.first, let target = Int(first), parts.count == 1 || parts[1] == "tcp" else {
                continue
            }
            ports.append(.init(target: target, published: nil, address: nil, isTCP: true))
        }
        self.ports = ports
        hostPaths = (value["volumes"]?.arrayValue ?? []).compactMap { volume in
            volume["type"]?.stringValue == "bind" ? volume["source"]?.stringValue : nil
        }
    }

    var likeliestPort: Int? {
        let tcp = ports.filter(\.isTCP)
        let published = tcp.filter { $0.published != nil }
        return (published.isEmpty ? tcp : published).map(\.target).min {
            ComposeProject.rank(of: $0) < ComposeProject.rank(of: $1)
        }
    }
}

extension ComposeProject {
    /// What the file does beyond its containers without its block allowing it.
    ///
    /// - Parameters:
    ///   - directory: where relative paths begin.
    ///   - allowed: what is allowed besides.
    func refusals(in directory: String, allowing allowed: Set<Allowance> = []) -> [Problem.Field] {
        var fields: [Problem.Field] = []
        func refuse(_ service: Service, _ what: String, _ allowance: Allowance) {
            guard !block.allow.contains(allowance), !allowed.contains(allowance) else { return }
            fields.append(
                .init(
                    "/body/compose", "the service “\(service.name)” \(what)",
                    remedy: "Leave it out, or allow it: x-lab: {allow: [\(allowance.rawValue)]}, or --allow "
                        + allowance.rawValue))
        }
        for service in services {
            if service.isPrivileged { refuse(service, "is privileged, which gives it the whole machine", .privileged) }
            if service.networkMode == "host" { refuse(service, "uses the host's network", .hostNetwork) }
            for path in service.hostPaths where path != directory && !path.hasPrefix(directory + "/") {
                refuse(service, "mounts \(path), which lies outside the app's folder", .hostPaths)
            }
        }
        for path in OutsideFiles.mounted(by: document, outside: directory)
        where !block.allow.contains(.hostPaths) && !allowed.contains(.hostPaths) {
            fields.append(
                .init(
                    "/body/compose", "a secret or config is the file \(path), which lies outside the app's folder",
                    remedy: "Put it beside the Compose file, or allow it: x-lab: {allow: [host-paths]}"))
        }
        return fields
    }
}
