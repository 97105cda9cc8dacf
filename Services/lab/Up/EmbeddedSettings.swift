import FoundationEssentials
import Glibc
import LabKit
import LabServers

/// Where the parts of an embedded lab lie and listen, and the settings of its services that follow from it.
struct EmbeddedLayout: Sendable {
    let directory: StateDirectory
    let ports: LabPorts
    let domain: Hostname
    /// Where the proxy, the resolver and the broker listen.
    let listen: String
    /// What the lab's names resolve to.
    let address: String

    static let databaseOwner = "lab_owner"
    static let database = "lab"
    static let brokerPerson = "lab"

    var unbound: String { directory.path + "/unbound" }
    var nginx: String { directory.path + "/nginx" }
    var mosquitto: String { directory.path + "/mosquitto" }
    var postgres: String { directory.path + "/postgres" }
    var unboundConfiguration: String { unbound + "/unbound.conf" }
    var unboundControl: String { unbound + "/control.sock" }
    var unboundRecords: String { unbound + "/records.conf" }
    var nginxConfiguration: String { nginx + "/nginx.conf" }
    var nginxProcessFile: String { nginx + "/nginx.pid" }

    func databaseURL(user: String, password: Secret<String>) -> String {
        "postgres://\(user):\(password.reveal())@127.0.0.1:\(ports.postgres)/\(Self.database)"
    }

    /// What the services are configured with: the same keys that the environment has in the containers' shape.
    func settings(secrets: SecretFiles, adminToken: Secret<String>) throws -> LabSettings {
        let owner = try secrets.secret("postgres-\(Self.databaseOwner)")
        var values: [String: String] = [
            "LAB_DOMAIN": domain.text,
            "LAB_LISTEN": "127.0.0.1",
            // The lock on the directory lets one process run, so it may go on at once with the leases, claims and
            // broker sessions of one that was killed, instead of waiting until they run out.
            "LAB_REPLICA_ID": "embedded",
            "LAB_API_PORT": String(ports.api),
            "LAB_ADMIN_TOKEN": adminToken.reveal(),
            "LAB_DATABASE_OWNER_URL": databaseURL(user: Self.databaseOwner, password: owner),
            "LAB_MQTT_HOST": ListenAddress.loopback,
            "LAB_MQTT_PORT": String(ports.mqtt),
            "LAB_DNS_DRIVER": "unbound",
            "LAB_DNS_SERVER": "\(ListenAddress.loopback):\(ports.dns)",
            "LAB_UNBOUND_CONTROL": unboundControl,
            "LAB_UNBOUND_CONF": unboundConfiguration,
            "LAB_UNBOUND_RECORDS": unboundRecords,
            "LAB_PROXY_DRIVER": "nginx",
            "LAB_PROXY_LISTEN": listenAddresses.joined(separator: ","),
            "LAB_PROXY_ADDRESS": address,
            "LAB_HTTP_PORT": String(ports.http),
            "LAB_HTTPS_PORT": String(ports.https),
            "LAB_NGINX_DIR": nginx,
            "LAB_NGINX_CONF": nginxConfiguration,
            "LAB_NGINX_PID": nginxProcessFile,
            "LAB_SEALING_KEY_FILE": directory.secrets + "/sealing.key",
            "LAB_CA_FILE": directory.caFile,
            "LAB_DOCS_DIR": directory.docs,
            "LAB_APPS_DIR": directory.apps,
            "LAB_PLATFORM_APPS": labServices.map { "\($0.name)=http://127.0.0.1:\(ports.api)" }
                .joined(separator: ","),
        ]
        for service in labServices {
            let suffix = "_" + service.name.uppercased().replacing("-", with: "_")
            let password = try secrets.secret("postgres-\(service.name)")
            values["LAB_DATABASE_URL\(suffix)"] = databaseURL(user: service.databaseRole, password: password)
            values["LAB_DATABASE_PASSWORD\(suffix)"] = password.reveal()
            values["LAB_MQTT_USER\(suffix)"] = BrokerAccess.user(of: service.name)
            values["LAB_MQTT_PASSWORD\(suffix)"] = try secrets.secret("mqtt-\(service.name)").reveal()
        }
        for (key, value) in ProcessInfo.processInfo.environment
        where key.hasPrefix("LAB_HOME_ASSISTANT_") || key.hasPrefix("LAB_DOCKER_") || key == "LAB_ZONES"
            || key == "LAB_LOG_LEVEL" || key == "LAB_RELEASES_KEPT"
        {
            values[key] = value
        }
        if let catalog = catalog { values["LAB_CATALOG_DIR"] = catalog }
        return LabSettings(values)
    }

    /// The clone's catalog of apps, or the one that the environment names.
    private var catalog: String? {
        let environment = ProcessInfo.processInfo.environment
        return environment["LAB_CATALOG_DIR"] ?? environment["LAB_HOME"].map { $0 + "/compose" }
    }

    /// The servers that the services stand on.
    func servers(_ secrets: SecretFiles) throws -> [any ManagedServer] {
        var accounts = try labServices.map { service in
            MosquittoServer.Account(
                name: BrokerAccess.user(of: service.name), password: try secrets.secret("mqtt-\(service.name)"))
        }
        accounts.append(.init(name: Self.brokerPerson, password: try secrets.secret("mqtt-\(Self.brokerPerson)")))
        let homeAssistant = try HomeAssistantOptions(LabSettings(ProcessInfo.processInfo.environment))
        return [
            PostgresServer(
                directory: postgres, port: ports.postgres, password: try secrets.secret("postgres-superuser")),
            MosquittoServer(
                directory: mosquitto, port: ports.mqtt, listenAddresses: listenAddresses, accounts: accounts,
                accessControl: BrokerAccess.rules(
                    for: labServices, person: Self.brokerPerson, homeAssistant: homeAssistant)),
            UnboundServer(
                directory: unbound, port: ports.dns, listenAddresses: listenAddresses,
                allowedNetworks: listen == ListenAddress.loopback ? [] : Self.homeNetworks + ["\(address)/32"]),
            NginxServer(
                directory: nginx, ports: [ports.http], listenAddresses: listenAddresses,
                configurationFile: nginxConfiguration),
        ]
    }

    /// Where the servers listen: loopback is always among it, since the services reach them there.
    private var listenAddresses: [String] { ListenAddress.withLoopback(listen) }

    /// Who may ask the resolver when it listens beyond this machine: private networks (RFC 1918), no one of the internet.
    private static let homeNetworks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]

    func info(secrets: SecretFiles, processes: LabInfo.ProcessIDs) throws -> LabInfo {
        let password = try secrets.secret("mqtt-\(Self.brokerPerson)")
        let owner = try secrets.secret("postgres-\(Self.databaseOwner)")
        return LabInfo(
            domain: domain.text, api: "http://127.0.0.1:\(ports.api)", https: "https://\(address):\(ports.https)",
            dns: "\(address):\(ports.dns)", mqtt: "\(address):\(ports.mqtt)", mqttUser: Self.brokerPerson,
            mqttPassword: password.reveal(), postgres: databaseURL(user: Self.databaseOwner, password: owner),
            ca: directory.caFile, tokenFile: directory.adminTokenFile, docs: directory.docs, stateDir: directory.path,
            pids: processes, startedAtTicks: ProcessFacts.startTime(processes.lab) ?? 0)
    }
}
