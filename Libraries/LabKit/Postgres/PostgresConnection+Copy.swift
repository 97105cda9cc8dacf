import LabCore

extension PostgresConnection {
    /// How much is collected before it is sent.
    private static let chunk = 64 * 1024

    /// Copies rows into a table by `COPY … FROM STDIN`: all of them, or none when one is refused.
    ///
    /// - Parameters:
    ///   - table: its name, with the schema before it where needed: `lab.event`.
    ///   - columns: the names of the columns that the rows have values for.
    ///   - rows: one value for each column; nil is NULL.
    /// - Returns: how many rows were copied.
    /// - Throws: a ``PostgresError``, which for a refused row says which line it was; `CancellationError`.
    @discardableResult
    public nonisolated(nonsending) func copyIn(
        _ table: String, columns: [String], rows: some Sequence<[(any PostgresEncodable)?]>
    ) async throws -> Int {
        try checkIsLent()
        let statement = try Self.copyStatement(table, columns)
        let start = await link.perform(.copy(statement), isCancellable: true)
        guard case .copying = start else { throw start.error }
        let failure: (any Error)?
        do {
            try await send(rows, columns: columns.count)
            failure = nil
        } catch {
            failure = error
        }
        // In any case, since the server waits for the end of the rows.
        let end = await link.perform(
            .copyEnd(failure: failure.map { _ in "the client gave up" }), isCancellable: false)
        if let failure { throw failure }
        guard case .result(let result) = end else { throw end.error }
        return result.affectedRows
    }

    private nonisolated(nonsending) func send(
        _ rows: some Sequence<[(any PostgresEncodable)?]>, columns: Int
    ) async throws {
        var buffer = CopyBuffer(capacity: Self.chunk)
        for (index, row) in rows.enumerated() {
            guard row.count == columns else {
                throw PostgresError(
                    .usage, "row \(index + 1) has \(row.count) values for \(columns) columns",
                    hint: "Give one value for each column; nil is NULL")
            }
            buffer.append(row)
            if buffer.bytes.count >= Self.chunk {
                try Task.checkCancellation()
                try await link.sendCopyData(buffer.bytes)
                buffer.bytes.removeAll(keepingCapacity: true)
            }
        }
        try Task.checkCancellation()
        if !buffer.bytes.isEmpty { try await link.sendCopyData(buffer.bytes) }
    }

    private static func copyStatement(_ table: String, _ columns: [String]) throws -> String {
        do {
            let table = try PostgresIdentifier(table).quoted
            let columns = try columns.map { try PostgresIdentifier($0).quoted }.joined(separator: ", ")
            return "copy \(table) (\(columns)) from stdin"
        } catch let error as InvalidText {
            throw PostgresError(.usage, error.detail, hint: error.remedy)
        }
    }
}

/// Rows in the text format of COPY (PostgreSQL's documentation of COPY, “Text Format”).
struct CopyBuffer {
    var bytes: [UInt8] = []

    init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity + capacity / 4)
    }

    mutating func append(_ row: [(any PostgresEncodable)?]) {
        for (index, value) in row.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: "\t")) }
            var encoder = PostgresEncoder(.text)
            if let value { value.encode(to: &encoder) } else { encoder.writeNull() }
            if encoder.isNull {
                bytes.append(contentsOf: "\\N".utf8)
            } else {
                escape(encoder.bytes)
            }
        }
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func escape(_ field: [UInt8]) {
        for byte in field {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\r"): bytes.append(contentsOf: "\\r".utf8)
            case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
            default: bytes.append(byte)
            }
        }
    }
}
