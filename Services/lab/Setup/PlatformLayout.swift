import LabKit
import LabServers

/// Where the parts of the platform in containers lie and are called, as compose.yaml has them.
struct PlatformLayout: Sendable {
    /// The volumes as the container `setup` sees them, a folder each.
    let root: String
    let domain: Hostname
    /// The HTTPS port that clients see.
    let httpsPort: Int
    /// The DNS port that clients see.
    let dnsPort: Int
    /// The MQTT port that clients see.
    let mqttPort: Int
    /// The address of this machine at which all of them are published; nil for all.
    let bind: String?
    let upstream: UnboundServer.Upstream

    /// Who everything belongs to that the services read: the user of the images.
    static let user: UInt32 = 10_001
    /// The user `postgres` of PostgreSQL's images on Debian.
    static let postgresUser: UInt32 = 999

    static let database = "lab"
    static let databaseOwner = "lab_owner"
    static let databaseHost = "postgres"
    static let brokerPerson = "lab"

    /// Private networks (RFC 1918): nobody of the internet may ask the resolver.
    private static let homeNetworks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]

    /// From `LAB_DOMAIN`, `LAB_PUBLIC_HTTPS_PORT`, `LAB_DNS_PORT`, `LAB_MQTT_PORT`, `LAB_BIND` and `LAB_DNS_UPSTREAM`.
    init(_ settings: LabSettings, root: String) throws {
        self.root = root
        domain = try settings.domain
        httpsPort = try settings.publicHTTPSPort
        dnsPort = try settings.integer("LAB_DNS_PORT", in: 1...65_535, default: 53)
        mqttPort = try settings.integer("LAB_MQTT_PORT", in: 1...65_535, default: 1883)
        let address = (settings["LAB_BIND"] ?? "").filter { $0 != "[" && $0 != "]" }
        bind = ["", "0.0.0.0", "::"].contains(address) ? nil : address
        let words = (settings["LAB_DNS_UPSTREAM"] ?? "recursion").split(whereSeparator: { $0 == "," || $0 == " " })
        switch words.first {
        case nil, "recursion": upstream = .recursion
        case "none": upstream = .none
        default: upstream = .forward(words.map(String.init))
        }
    }

    /// The secrets that a container may read, each in a file; every container sees its own volume alone.
    func secrets(of container: String) -> String { "\(root)/secrets/\(container)" }
    var mosquitto: String { root + "/mosquitto" }
    var unbound: String { root + "/unbound" }
    var traefik: String { root + "/traefik" }
    /// The folder of the clone that people and the command line read.
    var host: String { root + "/host" }
    var apps: String { root + "/apps" }

    var broker: MosquittoServer {
        get throws {
            MosquittoServer(
                directory: "/var/lib/lab/mosquitto", port: 1883, listenAddresses: [ListenAddress.any], accounts: [],
                accessControl: BrokerAccess.rules(for: labServices, person: Self.brokerPerson))
        }
    }

    var resolver: UnboundServer {
        UnboundServer(
            directory: "/var/lib/lab/unbound", port: 53, listenAddresses: [ListenAddress.any], upstream: upstream,
            allowedNetworks: Self.homeNetworks)
    }

    func databaseURL(user: String, password: Secret<String>, database: String = PlatformLayout.database) -> String {
        "postgres://\(user):\(password.reveal())@\(Self.databaseHost):5432/\(database)"
    }
}
