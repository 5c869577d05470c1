import Domain
import EventSourcing
import HTTP
import Messaging
import Projections
import Synchronization

/// What the rows' sums have shown when they were last compared with the books.
struct Verification: Sendable {
    /// The file of the rows: those that are built anew must be looked at anew.
    let path: String
    let at: Timestamp
    let alarms: [BookAlarm]
}

extension Gateway {
    /// The most alarms that an answer names.
    private static let mostAlarms = 100

    private enum Answer: String, CaseIterable { case `true`, `false` }

    /// Whether what is recorded, published and applied, and money and goods, balance.
    func showAccounts(_ exchange: Exchange) throws(RequestError) {
        var query = Query(exchange.request, known: ["verify"])
        let verify: Answer? = query.choice("verify")
        try query.check()
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            gateway.later(exchange) { gateway in
                do throws(ReadError) {
                    let books = try gateway.books(isVerifying: verify == .true)
                    let (hops, now) = (gateway.readings().hops, gateway.runtime.now())
                    exchange.respond(
                        200, headers: headers, json: Self.show(books, hops, at: now))
                } catch { exchange.fail(.unreadable(error)) }
            }
        }
    }

    /// The books, with what is known of the rows' sums.
    struct ShownBooks {
        let accounts: Accounts
        let verification: Verification?
        let alarms: [BookAlarm]
    }

    /// - Parameter isVerifying: whether all rows are summed up; else what that showed last counts.
    func books(isVerifying: Bool = false) throws(ReadError) -> ShownBooks {
        let path = readStore.path
        let accounts = try readStore.accounts(Accounts.Question(isVerifying: isVerifying))
        guard let found = accounts.verification else {
            let known = verification.withLock { $0 }.flatMap { $0.path == path ? $0 : nil }
            return ShownBooks(
                accounts: accounts, verification: known,
                alarms: accounts.alarms + (known?.alarms ?? []))
        }
        let fresh = Verification(path: path, at: runtime.now(), alarms: found)
        verification.withLock { $0 = fresh }
        return ShownBooks(accounts: accounts, verification: fresh, alarms: accounts.alarms)
    }

    private static func show(
        _ books: ShownBooks, _ hops: ShopReadings.Hops, at now: Timestamp
    ) -> JSONWriter {
        let alarms = hops.alarms + books.alarms
        let wrong = Set(books.alarms.compactMap(\.unit))
        var json = JSONWriter(reserving: 8000)
        json.object { json in
            json.member("at", now.description)
            json.member("balanced", alarms.isEmpty)
            if let known = books.verification { json.member("verifiedAt", known.at.description) }
            json.member("hops") { json in
                json.array { json in for hop in hops.all { hop.show(in: &json) } }
            }
            json.member("money") { json in
                json.array { json in
                    for ledger in books.accounts.money {
                        ledger.showMoney(in: &json, isRight: !wrong.contains(ledger.unit))
                    }
                }
            }
            json.member("stock") {
                books.accounts.stock.showGoods(
                    in: &$0, isRight: !wrong.contains(books.accounts.stock.unit))
            }
            json.member("ordersOutOfBalance", Int64(books.accounts.ordersOutOfBalance))
            json.member("alarms") { json in
                json.array { json in
                    for alarm in alarms.prefix(mostAlarms) { alarm.show(in: &json) }
                }
            }
        }
        return json
    }
}

extension ShopReadings.Hop {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("log", source.log.value)
            json.member("channel", source.channel)
            json.member("recorded", recorded)
            if let published { json.member("published", published) }
            json.member("readers") { json in
                json.array { json in
                    for reader in readers {
                        json.object { json in
                            json.member("reader", reader.name)
                            json.member("applied", reader.applied)
                            json.member("waiting", max(0, recorded - reader.applied))
                            if let parked = reader.parked { json.member("parked", parked) }
                        }
                    }
                }
            }
            json.member("balanced", isBalanced)
        }
    }
}

extension Accounts.Ledger {
    fileprivate func showMoney(in json: inout JSONWriter, isRight: Bool) {
        json.object { json in
            json.member("currency", unit)
            json.member("balanced", isRight)
            show(in: &json) { amount, json in
                guard let currency = Currency(unit) else { return json.value(amount) }
                Money(minor: amount, currency: currency).show(in: &json)
            }
        }
    }

    fileprivate func showGoods(in json: inout JSONWriter, isRight: Bool) {
        json.object { json in
            json.member("balanced", isRight)
            show(in: &json) { $1.value($0) }
        }
    }

    private func show(in json: inout JSONWriter, _ amount: (Int64, inout JSONWriter) -> Void) {
        json.member("accounts") { json in
            json.array { json in
                for line in lines {
                    json.object { json in
                        json.member("account", line.account)
                        json.member("debit") { amount(line.debit, &$0) }
                        json.member("credit") { amount(line.credit, &$0) }
                        json.member("balance") { amount(line.balance, &$0) }
                    }
                }
            }
        }
    }
}

extension BookAlarm {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("book", book.rawValue)
            json.member("code", code)
            json.member("detail", detail)
            if let order { json.member("order", order) }
            if let sku { json.member("sku", sku) }
            if let log { json.member("log", log) }
        }
    }
}
