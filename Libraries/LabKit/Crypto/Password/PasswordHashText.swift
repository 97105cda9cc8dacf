/// How much work and memory one hash takes (RFC 7914, section 2).
struct ScryptParameters: Equatable, Sendable {
    /// The binary logarithm of the cost N.
    var logN: Int
    /// The block size r.
    var blockSize: Int
    /// The parallelisation p.
    var parallelism: Int

    /// 32 MiB and some tens of milliseconds.
    static let recommended = ScryptParameters(logN: 15, blockSize: 8, parallelism: 1)

    /// What a stored hash may ask for, in bytes.
    static let memoryLimit = 128 << 20
    /// What a stored hash may ask for, in blocks mixed: four times what ``recommended`` takes.
    static let workLimit = 4 * (1 << 15) * 8

    /// Whether computing it cannot exhaust the machine.
    var isAffordable: Bool {
        guard (1...20).contains(logN), (1...32).contains(blockSize), (1...16).contains(parallelism) else {
            return false
        }
        return 128 * (blockSize << logN) <= Self.memoryLimit && (blockSize << logN) * parallelism <= Self.workLimit
    }
}

/// The text of a password hash, taken apart.
struct PasswordHashText {
    var parameters: ScryptParameters
    var salt: [UInt8]
    var hash: [UInt8]

    init(parameters: ScryptParameters, salt: [UInt8], hash: [UInt8]) {
        self.parameters = parameters
        self.salt = salt
        self.hash = hash
    }

    init(_ text: String) throws(CryptoError) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard text.utf8.count <= 512, parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt" else {
            throw .invalidPasswordHash(detail: "it is not of the form $scrypt$ln=…,r=…,p=…$salt$hash")
        }
        parameters = try Self.parameters(parts[2])
        guard parameters.isAffordable else {
            throw .invalidPasswordHash(detail: "“\(parts[2])” takes more memory or time than a login may")
        }
        guard let salt = Base64.decode(String(parts[3]), alphabet: .standard), (8...64).contains(salt.count) else {
            throw .invalidPasswordHash(detail: "its salt is not base64 of 8 to 64 bytes")
        }
        guard let hash = Base64.decode(String(parts[4]), alphabet: .standard), (16...64).contains(hash.count) else {
            throw .invalidPasswordHash(detail: "its hash is not base64 of 16 to 64 bytes")
        }
        self.salt = salt
        self.hash = hash
    }

    var text: String {
        let (n, r, p) = (parameters.logN, parameters.blockSize, parameters.parallelism)
        return "$scrypt$ln=\(n),r=\(r),p=\(p)$\(Base64.encode(salt, alphabet: .standard))"
            + "$\(Base64.encode(hash, alphabet: .standard))"
    }

    private static func parameters(_ text: Substring) throws(CryptoError) -> ScryptParameters {
        var values: [Int] = []
        let fields = text.split(separator: ",", omittingEmptySubsequences: false)
        for (field, name) in zip(fields, ["ln=", "r=", "p="]) {
            guard field.hasPrefix(name), let value = Int(field.dropFirst(name.count)) else { break }
            values.append(value)
        }
        guard fields.count == 3, values.count == 3 else {
            throw .invalidPasswordHash(detail: "“\(text)” is not of the form ln=…,r=…,p=…")
        }
        return ScryptParameters(logN: values[0], blockSize: values[1], parallelism: values[2])
    }
}
