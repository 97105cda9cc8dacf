import LabCore
import LabState

/// Makes of a rendered Compose file what is run: images by content, labels, the port that the proxy finds it at.
struct ReleaseDocument: Sendable {
    static let appLabel = "lab.app"
    static let imageLabel = "lab.image"

    private(set) var value: JSONValue

    init(_ rendered: JSONValue, app: AppName) {
        var members = rendered.objectValue ?? [:]
        members["x-lab"] = nil
        // The project's name is given with the command.
        members["name"] = nil
        value = .object(members)
        for service in serviceNames { setLabel(Self.appLabel, app.text, of: service) }
    }

    var serviceNames: [String] { (value["services"]?.objectValue ?? [:]).keys.sorted() }

    /// Runs a service from an image of the engine, whatever its name comes to mean.
    mutating func pin(_ service: String, to reference: String, named original: String) {
        change(service) { members in
            members["image"] = .string(reference)
            members["build"] = nil
            members["pull_policy"] = nil
        }
        setLabel(Self.imageLabel, original, of: service)
    }

    /// The variable that is filled in with the port of the loopback interface. Which one that is can change while the
    /// release is the same: after its end an engine may hold a port for a container that is gone.
    static let portVariable = "LAB_EXPOSED_PORT"

    /// Publishes a port of a service on the loopback interface, beside what the file publishes.
    mutating func publish(_ service: String, _ target: Int) {
        change(service) { members in
            var ports = members["ports"]?.arrayValue ?? []
            ports.append([
                "mode": "ingress", "host_ip": "127.0.0.1", "target": .integer(Int64(target)),
                "published": .string("${\(Self.portVariable)}"), "protocol": "tcp",
            ])
            members["ports"] = .array(ports)
        }
    }

    /// The services whose limit of cores is above a number. The engine starts no container that may have more cores than
    /// there are, so a file that was written for a larger machine would not run.
    func services(above cores: Double) -> [String] {
        serviceNames.filter { service in
            let fields = value["services"]?[service]
            return Self.limits.contains { (Self.number(fields?.value(at: $0)) ?? 0) > cores }
        }
    }

    mutating func limit(_ services: [String], toCores cores: Int) {
        for service in services {
            change(service) { members in
                var fields = JSONValue.object(members)
                for path in Self.limits where (Self.number(fields.value(at: path)) ?? 0) > Double(cores) {
                    // As Compose writes the one and the other.
                    fields.set(path.count > 1 ? .number(Double(cores)) : .integer(Int64(cores)), at: path[...])
                }
                members = fields.objectValue ?? members
            }
        }
    }

    /// Where a service says how many cores it may have.
    private static let limits = [["deploy", "resources", "limits", "cpus"], ["cpus"]]

    private static func number(_ value: JSONValue?) -> Double? {
        switch value {
        case .integer(let number): Double(number)
        case .number(let number): number
        case .string(let text): Double(text)
        default: nil
        }
    }

    private mutating func setLabel(_ name: String, _ text: String, of service: String) {
        change(service) { members in
            var labels = members["labels"]?.objectValue ?? [:]
            labels[name] = .string(text)
            members["labels"] = .object(labels)
        }
    }

    private mutating func change(_ service: String, _ body: (inout [String: JSONValue]) -> Void) {
        guard var members = value.objectValue, var services = members["services"]?.objectValue,
            var fields = services[service]?.objectValue
        else { return }
        body(&fields)
        services[service] = .object(fields)
        members["services"] = .object(services)
        value = .object(members)
    }
}

extension JSONValue {
    fileprivate func value(at path: [String]) -> JSONValue? {
        path.reduce(self as JSONValue?) { $0?[$1] }
    }

    /// Puts a value at a path of objects that are there.
    fileprivate mutating func set(_ new: JSONValue, at path: ArraySlice<String>) {
        guard let key = path.first else {
            self = new
            return
        }
        guard case .object(var members) = self, var inner = members[key] else { return }
        inner.set(new, at: path.dropFirst())
        members[key] = inner
        self = .object(members)
    }
}

/// A service of a release, as far as its containers are judged by it.
struct ReleasedService: Sendable, Hashable {
    let name: String
    /// Whether it may do its work and end well. One that people reach, has a health check or is to be started anew when
    /// it ends, is to run.
    let mayEnd: Bool
    /// Whether its containers have the hash that `docker compose config --hash` tells. One that shares what another one
    /// has is given a hash with the other container's number in it (docker/compose, `resolveServiceReferences`).
    let hasOwnHash: Bool
}

extension Release {
    var services: [ReleasedService] {
        let value = try? document.decode(JSONValue.self)
        return (value?["services"]?.objectValue ?? [:]).sorted { $0.key < $1.key }.map { name, fields in
            let restart = fields["restart"]?.stringValue ?? "no"
            let isWatched = fields["healthcheck"].map { $0 != .null } ?? false
            let isStartedAnew = restart == "always" || restart == "unless-stopped"
            let shares = ["network_mode", "ipc", "pid"].contains {
                fields[$0]?.stringValue?.hasPrefix("service:") == true
            }
            return ReleasedService(
                name: name, mayEnd: name != service && !isWatched && !isStartedAnew,
                hasOwnHash: !shares && fields["volumes_from"]?.arrayValue?.isEmpty != false)
        }
    }

    /// How long the health checks of its services leave them before they count.
    var longestStart: Duration {
        let value = try? document.decode(JSONValue.self)
        let starts = (value?["services"]?.objectValue ?? [:]).values.compactMap {
            $0["healthcheck"]?["start_period"]?.stringValue.flatMap(Duration.init(compose:))
        }
        return starts.max() ?? .zero
    }

    /// Whether the service that people reach has no network of its own.
    var usesHostNetwork: Bool {
        let value = try? document.decode(JSONValue.self)
        return value?["services"]?[service]?["network_mode"]?.stringValue == "host"
    }
}
