import FoundationEssentials
import Glibc
import LabKit
import LabServers

/// Makes the secrets and the configuration of the platform in containers, before anything else of it starts.
///
/// It is run at each start: secrets stay as they are, configuration is written anew.
struct PlatformFiles: Sendable {
    let layout: PlatformLayout

    func write() throws {
        try checkDomain()
        try writeDatabaseSecrets()
        try writeBroker()
        try writeResolver()
        try writeTraefik()
        try writeForPeople()
        try makeFolder(layout.apps, mode: 0o755)
    }

    /// The authority of a platform signs names of one domain alone, so that another one would lock everybody out.
    private func checkDomain() throws {
        // Without the volumes there is nothing of the former platform but this file.
        guard FileManager.default.fileExists(atPath: layout.secrets(of: "database") + "/owner"),
            let data = FileManager.default.contents(atPath: layout.host + "/platform.json"),
            let former = try? JSONText(trusted: String(decoding: data, as: UTF8.self)).decode(PlatformAddress.self),
            former.domain != layout.domain
        else { return }
        throw CommandFault(
            "LAB_DOMAIN is \(layout.domain), and this platform was made for \(former.domain): its authority signs no "
                + "other names",
            remedy:
                "Set LAB_DOMAIN=\(former.domain) again, or make a new platform (docs/guides/platform.md, “Another domain”)"
        )
    }

    private func writeDatabaseSecrets() throws {
        let superuser = try secret("superuser", of: "database")
        let postgres = layout.secrets(of: "postgres")
        try makeFolder(postgres, mode: 0o700, owner: PlatformLayout.postgresUser)
        try put(superuser.reveal(), at: postgres + "/password", owner: PlatformLayout.postgresUser)
        let database = layout.secrets(of: "database")
        try put(
            layout.databaseURL(user: "postgres", password: superuser, database: "postgres"),
            at: "\(database)/superuser-url")
        _ = try secret("owner", of: "database")
        for service in labServices {
            let password = try secret("password-\(service.name)", of: "database")
            let own = layout.secrets(of: service.name)
            try put(layout.databaseURL(user: service.databaseRole, password: password), at: "\(own)/database-url")
            _ = try secret("mqtt-password", of: service.name)
        }
    }

    private func writeBroker() throws {
        let broker = try layout.broker
        var accounts = try labServices.map { service in
            (BrokerAccess.user(of: service.name), try secret("mqtt-password", of: service.name))
        }
        accounts.append((PlatformLayout.brokerPerson, try secret("mqtt-person", of: "database")))
        var lines = ""
        for (name, password) in accounts { lines += "\(name):\(try BrokerPassword.hash(password))\n" }
        try makeFolder(layout.mosquitto, mode: 0o700)
        try makeFolder(layout.mosquitto + "/data", mode: 0o700)
        try put(lines, at: moved(broker.passwordFile, from: broker.directory, to: layout.mosquitto))
        try put(broker.accessControl ?? "", at: moved(broker.accessFile, from: broker.directory, to: layout.mosquitto))
        try put(broker.configuration, at: moved(broker.configurationFile, from: broker.directory, to: layout.mosquitto))
    }

    private func writeResolver() throws {
        let resolver = layout.resolver
        do {
            try resolver.checkAddresses()
        } catch {
            throw CommandFault(
                "LAB_DNS_UPSTREAM is not what Unbound takes: \(error)",
                remedy: "Give recursion, none, or addresses such as 9.9.9.9,1.1.1.1")
        }
        try makeFolder(layout.unbound, mode: 0o700)
        let records = moved(resolver.recordsFile, from: resolver.directory, to: layout.unbound)
        // The records are the DNS manager's; Unbound starts with those that it wrote last.
        if !FileManager.default.fileExists(atPath: records) { try put("", at: records) }
        try put(
            resolver.configuration, at: moved(resolver.configurationFile, from: resolver.directory, to: layout.unbound))
    }

    /// Traefik's own file with the token in it, which it takes from nowhere else.
    private func writeTraefik() throws {
        let template = layout.root + "/templates/traefik.yaml"
        guard let data = FileManager.default.contents(atPath: template) else { return }
        let token = try secret("traefik-token", of: "database")
        try makeFolder(layout.traefik, mode: 0o700)
        try put(
            String(decoding: data, as: UTF8.self).replacing("{{token}}", with: token.reveal()),
            at: layout.traefik + "/traefik.yaml")
    }

    /// What the command line needs on the machine itself. It belongs to whoever the clone belongs to.
    private func writeForPeople() throws {
        var facts = stat()
        let owner: UInt32? = stat(layout.root + "/owner", &facts) == 0 ? facts.st_uid : nil
        try makeFolder(layout.host, mode: 0o755, owner: owner)
        for folder in ["public", "docs"] { try makeFolder("\(layout.host)/\(folder)", mode: 0o755) }
        let token = try secret("admin-token", of: "database")
        try put(token.reveal() + "\n", at: layout.host + "/admin.token", owner: owner)
        let address = PlatformAddress(
            domain: layout.domain, port: layout.httpsPort, dnsPort: layout.dnsPort, mqttPort: layout.mqttPort,
            bind: layout.bind)
        try put(try JSONText(encoding: address).text + "\n", at: layout.host + "/platform.json", owner: owner)
        // Everybody of this machine may know where the platform is.
        guard chmod(layout.host + "/platform.json", 0o644) == 0 else {
            throw CommandFault("the mode of platform.json cannot be set: \(String(cString: strerror(errno)))")
        }
        let password = try secret("mqtt-person", of: "database")
        try put(password.reveal() + "\n", at: layout.host + "/mqtt.password", owner: owner)
    }

    // MARK: Files

    private func secret(_ name: String, of container: String) throws -> Secret<String> {
        let folder = layout.secrets(of: container)
        try makeFolder(folder, mode: 0o700)
        let secret = try SecretFiles.secret(at: "\(folder)/\(name)")
        try give("\(folder)/\(name)", to: PlatformLayout.user)
        return secret
    }

    private func moved(_ path: String, from directory: String, to folder: String) -> String {
        folder + path.dropFirst(directory.count)
    }

    private func put(_ text: String, at path: String, owner: UInt32? = nil) throws {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        if !FileManager.default.fileExists(atPath: folder) { try makeFolder(folder, mode: 0o700) }
        try PrivateFile.write(text, to: path)
        try give(path, to: owner ?? PlatformLayout.user)
    }

    private func makeFolder(_ path: String, mode: mode_t, owner: UInt32? = nil) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard chmod(path, mode) == 0 else {
            throw CommandFault("the mode of \(path) cannot be set: \(String(cString: strerror(errno)))")
        }
        try give(path, to: owner ?? PlatformLayout.user)
    }

    private func give(_ path: String, to user: UInt32) throws {
        guard chown(path, user, user) == 0 else {
            throw CommandFault(
                "\(path) cannot be given to the user \(user): \(String(cString: strerror(errno)))",
                remedy: "Run the setup as root, with the capability CHOWN")
        }
    }
}

/// A password as mosquitto_passwd(1) of Mosquitto 2.0 writes it: `$7$<iterations>$<salt>$<hash>`, PBKDF2 with
/// HMAC-SHA-512 over 64 bytes (Mosquitto 2.0, apps/mosquitto_passwd, hash type 7). Few iterations are enough for random passwords.
enum BrokerPassword {
    private static let iterations = 101

    static func hash(_ password: Secret<String>) throws -> String {
        let salt = RandomBytes.make(12)
        let key = try PBKDF2.key(
            password: Array(password.reveal().utf8), salt: salt, iterations: iterations, count: 64)
        // 12 bytes are 16 digits; 64 bytes are 86, which the padding fills up to a multiple of four.
        return "$7$\(iterations)$\(Base64.encode(salt, alphabet: .standard))$"
            + "\(Base64.encode(key, alphabet: .standard))=="
    }
}
